// Panel type -> what draws it. A test holds the types in dashboards/*.json to panel_types.json.
import types from "../panel_types.json";
import type { Visualization } from "./drawings";
import { BarGaugePanel, StatPanel } from "./stats";
import { TablePanel } from "./tables";
import { TextPanel } from "./texts";
import { StateTimelinePanel } from "./timelines";
import { TimeSeriesPanel } from "./timeseries";

export const VISUALIZATIONS: Record<Exclude<keyof typeof types, "row">, Visualization> = {
  timeseries: TimeSeriesPanel,
  stat: StatPanel,
  bargauge: BarGaugePanel,
  table: TablePanel,
  "state-timeline": StateTimelinePanel,
  text: TextPanel,
};
