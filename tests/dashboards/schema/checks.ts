// Grafana's own types, told in the form that JSON has: an enumeration is its values.
// Written beside it and checked with it: one constant for each part of a dashboard. A literal may have no field that its type lacks.
import type { AnnotationQuery, Dashboard, DashboardLink, DataQuery, DataTransformerConfig, FieldConfig, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as statPanel from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as stateTimelinePanel from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as tablePanel from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeSeriesPanel from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? (`${T}` extends `${infer N extends number}` ? N : never)
    : T extends boolean | null | undefined
      ? T
      : T extends ReadonlyArray<infer U>
        ? Array<Json<U>>
        : T extends object
          ? { [K in keyof T]: Json<T[K]> }
          : T;

/** What the Prometheus data source adds to a query; its package is not among these types. */
interface PrometheusQuery extends DataQuery {
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  legendFormat?: string;
  range?: boolean;
}
/** What it adds to an annotation. */
interface PrometheusTexts {
  textFormat?: string;
  titleFormat?: string;
}

export type Whole = Json<Omit<Dashboard, 'panels' | 'annotations' | 'templating' | 'links'>>;
export type Variable = Json<VariableModel>;
export type Annotation = Json<Omit<AnnotationQuery, 'target'> & PrometheusTexts> & { target: Json<PrometheusQuery> };
export type Link = Json<DashboardLink>;
export type Row = Json<RowPanel>;
export type Frame = Json<Omit<Panel, 'targets' | 'options' | 'fieldConfig' | 'transformations'>>;
export type Target = Json<PrometheusQuery>;
export type Transformation = Json<DataTransformerConfig>;
export type Field = Json<Omit<FieldConfig, 'custom' | 'links'>>;
export type DataLink = { title: string; url: string; targetBlank?: boolean };

export interface Options {
  stat: Json<Partial<statPanel.Options>>;
  table: Json<Partial<tablePanel.Options>>;
  timeseries: Json<Partial<timeSeriesPanel.Options>>;
  'state-timeline': Json<Partial<stateTimelinePanel.Options>>;
}
export interface Custom {
  stat: Record<string, never>;
  table: Json<Partial<tablePanel.FieldConfig>>;
  timeseries: Json<Partial<timeSeriesPanel.FieldConfig>>;
  'state-timeline': Json<Partial<stateTimelinePanel.FieldConfig>>;
}
