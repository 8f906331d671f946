// One panel: its queries, transformations and field options, inside Grafana's own frame.
import { type DataFrame, type GrafanaTheme2, type TimeRange, dateTime, rangeUtil } from "@grafana/data";
import { PanelChrome, useTheme2 } from "@grafana/ui";
import { configured, transformed } from "./fields";
import type { Panel, Query, Scene } from "./models";
import { framesOf, told } from "./prometheus";
import { VISUALIZATIONS } from "./visualizations";
import type { Mark, Visualization } from "./visualizations/drawings";

export interface Loaded {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
  fault?: string;
}

export async function load(panel: Panel, whole: Scene, width: number): Promise<Loaded> {
  const scene = scoped(whole, panel);
  const range = panel.timeFrom ? last(panel.timeFrom, scene.range) : scene.range;
  try {
    const asked = (panel.targets ?? []).filter((query: Query) => !query.hide && query.expr);
    const answers = await Promise.all(
      asked.map((query) => framesOf(query, scene, range, panel.maxDataPoints ?? width, panel.interval)),
    );
    const frames = await transformed(told(answers.flat()), panel, scene);
    return { panel, frames, range };
  } catch (error) {
    return { panel, frames: [], range, fault: `${error}` };
  }
}

function scoped(scene: Scene, { scope }: Panel): Scene {
  return scope ? { ...scene, interpolate: (text, more = {}) => scene.interpolate(text, { ...scope, ...more }) } : scene;
}

function last(duration: string, range: TimeRange): TimeRange {
  const from = dateTime(range.to.valueOf() - rangeUtil.intervalToMs(duration));
  return { from, to: range.to, raw: { from, to: range.to } };
}

export function PanelView(props: { loaded: Loaded; scene: Scene; marks: Mark[]; width: number; height: number }) {
  const { loaded, marks, width, height } = props;
  const { panel, range } = loaded;
  const scene = scoped(props.scene, panel);
  const theme = useTheme2();
  const draw = (VISUALIZATIONS as Record<string, Visualization | undefined>)[panel.type];
  const frames = framesConfigured(loaded, scene, theme);
  const empty = panel.type !== "text" && !frames.some((frame) => frame.length > 0);
  const fault = loaded.fault ?? (draw ? undefined : `the panel type ${panel.type} is not known here`);
  return (
    <PanelChrome
      width={width}
      height={height}
      title={scene.interpolate(panel.title ?? "")}
      {...(panel.description ? { description: panel.description } : {})}
      {...(panel.transparent ? { displayMode: "transparent" as const } : {})}
      {...(fault ? { statusMessage: fault } : {})}
      hoverHeader={!panel.title}
    >
      {(innerWidth, innerHeight) =>
        empty || fault || !draw ? (
          <div className="empty" data-fault={fault}>
            {panel.fieldConfig?.defaults.noValue ?? "No data"}
          </div>
        ) : (
          draw({ panel, frames, range, timeZone: scene.order.timeZone, theme, width: innerWidth, height: innerHeight, marks })
        )
      }
    </PanelChrome>
  );
}

const kept = new WeakMap<Loaded, DataFrame[]>();

function framesConfigured(loaded: Loaded, scene: Scene, theme: GrafanaTheme2): DataFrame[] {
  const frames = kept.get(loaded) ?? configured(loaded.frames, loaded.panel, scene, theme);
  kept.set(loaded, frames);
  return frames;
}
