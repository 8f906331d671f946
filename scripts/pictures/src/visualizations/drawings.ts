// What every visualization is given.
import type { DataFrame, GrafanaTheme2, TimeRange } from "@grafana/data";
import type { ReactElement } from "react";
import type { Panel } from "../models";

export interface Drawing {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
  timeZone: string;
  theme: GrafanaTheme2;
  width: number;
  height: number;
  marks: Mark[];
}

// One annotation: an instant, or a region where `end` is later.
export interface Mark {
  start: number;
  end: number;
  color: string;
  text: string;
}

export type Visualization = (drawing: Drawing) => ReactElement;
