// The parts of a dashboard's JSON that are drawn. Everything else in the file is left alone.
import type { DataLink, DataTransformerConfig, FieldConfigSource, TimeRange } from "@grafana/data";

export interface GridPosition {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Query {
  refId: string;
  expr: string;
  legendFormat?: string;
  format?: "time_series" | "table" | "heatmap";
  instant?: boolean;
  range?: boolean;
  interval?: string;
  hide?: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: GridPosition;
  targets?: Query[];
  fieldConfig?: FieldConfigSource;
  options?: Record<string, unknown>;
  transformations?: DataTransformerConfig[];
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string;
  collapsed?: boolean;
  repeat?: string;
  repeatDirection?: "h" | "v";
  maxPerRow?: number;
  // the values that a repeated panel stands for
  scope?: Record<string, string>;
  panels?: Panel[];
  links?: DataLink[];
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  hide?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  query?: string | { query: string };
  current?: { text?: string | string[]; value?: string | string[] };
  regex?: string;
}

export interface Annotation {
  name: string;
  enable: boolean;
  hide?: boolean;
  iconColor: string;
  expr?: string;
  step?: string;
  target?: { expr?: string };
  type?: string;
}

export interface Dashboard {
  title: string;
  uid: string;
  description?: string;
  panels: Panel[];
  links?: { title: string; type: string; icon?: string; url?: string; tags?: string[] }[];
  templating?: { list?: Variable[] };
  annotations?: { list?: Annotation[] };
  time?: { from: string; to: string };
  refresh?: string;
}

// What the driver hands over before the page is drawn.
export interface Order {
  dashboard: Dashboard;
  prometheus: string;
  // UNIX milliseconds: the end of what is shown; the beginning is the dashboard's own.
  end: number;
  scrapeInterval: string;
  variables: Record<string, string | string[]>;
  theme: "light" | "dark";
  timeZone: string;
  width: number;
}

export interface Scene {
  order: Order;
  range: TimeRange;
  interpolate: (text: string, more?: Record<string, string>) => string;
}
