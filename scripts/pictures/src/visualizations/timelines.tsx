// State timeline: no package has Grafana's own, so the bars are drawn here, on Grafana's axes, with its colours and legend.
import { type DataFrame, type Field, FieldType, formattedValueToString, getFieldDisplayName } from "@grafana/data";
import {
  AxisPlacement,
  LegendDisplayMode,
  ScaleDirection,
  ScaleOrientation,
  type VizLegendOptions,
} from "@grafana/schema";
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend } from "@grafana/ui";
import type uPlot from "uplot";
import type { Drawing } from "./drawings";
import { graphable } from "./timeseries";

interface Options {
  rowHeight?: number;
  showValue?: "auto" | "always" | "never";
  mergeValues?: boolean;
  legend?: VizLegendOptions;
}

interface Stretch {
  start: number;
  end: number;
  text: string;
  color: string;
}

interface Row {
  name: string;
  field: Field;
  stretches: Stretch[];
}

const AXIS_LETTER = 7;
const FONT = 12;

export function StateTimelinePanel(drawing: Drawing) {
  const { panel, frames, width, height } = drawing;
  const options = (panel.options ?? {}) as Options;
  const rows = rowsOf(graphable(frames));
  const config = built(rows, drawing, options);
  const legend = options.legend ?? { displayMode: LegendDisplayMode.List, placement: "bottom", calcs: [], showLegend: true };
  const states = new Map(rows.flatMap((row) => row.stretches.map((one) => [one.text, one.color])));
  const items = [...states].map(([label, color]) => ({ label, color, yAxis: 1 }));
  return (
    <VizLayout
      width={width}
      height={height}
      legend={
        legend.showLegend === false ? null : (
          <VizLayout.Legend placement={legend.placement}>
            <VizLegend items={items} displayMode={legend.displayMode} placement={legend.placement} />
          </VizLayout.Legend>
        )
      }
    >
      {(innerWidth, innerHeight) => (
        <UPlotChart
          config={config}
          data={[[drawing.range.from.valueOf(), drawing.range.to.valueOf()], ...rows.map(() => [null, null])] as never}
          width={innerWidth}
          height={innerHeight}
        />
      )}
    </VizLayout>
  );
}

function rowsOf(frames: DataFrame[]): Row[] {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (!time) {
      return [];
    }
    return frame.fields
      .filter((field) => field !== time)
      .map((field) => ({ name: getFieldDisplayName(field, frame, frames), field, stretches: stretchesOf(time, field) }));
  });
}

// Equal neighbours are one; a value lasts until the next sample, and no longer than two steps.
function stretchesOf(time: Field, field: Field): Stretch[] {
  const step = (time.config.interval as number | undefined) ?? Infinity;
  const stretches: Stretch[] = [];
  field.values.forEach((value: number | string | null, i: number) => {
    if (value === null || value === undefined) {
      return;
    }
    const start = time.values[i] as number;
    const end = Math.min((time.values[i + 1] as number | undefined) ?? start + step, start + 2 * step);
    const shown = field.display!(value);
    const [text, color] = [formattedValueToString(shown), shown.color ?? "#808080"];
    const before = stretches.at(-1);
    if (before && before.text === text && before.end >= start) {
      before.end = end;
    } else {
      stretches.push({ start, end, text, color });
    }
  });
  return stretches;
}

function built(rows: Row[], { range, timeZone, theme, panel }: Drawing, options: Options): UPlotConfigBuilder {
  const builder = new UPlotConfigBuilder(timeZone);
  const middles = rows.map((_, i) => rows.length - i - 0.5);
  builder.addScale({
    scaleKey: "x",
    isTime: true,
    orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right,
    range: () => [range.from.valueOf(), range.to.valueOf()],
  });
  builder.addScale({
    scaleKey: "y",
    orientation: ScaleOrientation.Vertical,
    direction: ScaleDirection.Up,
    range: () => [0, rows.length],
  });
  builder.addAxis({ scaleKey: "x", isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: false } });
  builder.addAxis({
    scaleKey: "y",
    placement: AxisPlacement.Left,
    theme,
    size: 16 + AXIS_LETTER * Math.max(0, ...rows.map((row) => row.name.length)),
    splits: middles,
    values: rows.map((row) => row.name) as never,
    grid: { show: false },
    ticks: { show: false },
  });
  for (const _ of rows) {
    builder.addSeries({ scaleKey: "y", theme, pathBuilder: () => null, pxAlign: false, show: true } as never);
  }
  const opacity = ((panel.fieldConfig?.defaults.custom as { fillOpacity?: number } | undefined)?.fillOpacity ?? 70) / 100;
  builder.addHook("draw", (plot: uPlot) => {
    rows.forEach((row, i) => drawRow(plot, row, middles[i] ?? 0, options, opacity, theme.colors.getContrastText));
  });
  return builder;
}

function drawRow(
  plot: uPlot,
  row: Row,
  middle: number,
  options: Options,
  opacity: number,
  contrast: (background: string) => string,
): void {
  const { ctx, bbox } = plot;
  const half = (options.rowHeight ?? 0.9) / 2;
  const [top, bottom] = [plot.valToPos(middle + half, "y", true), plot.valToPos(middle - half, "y", true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ctx.font = `${FONT * devicePixelRatio}px Inter, Helvetica, Arial, sans-serif`;
  for (const stretch of row.stretches) {
    const [left, right] = [plot.valToPos(stretch.start, "x", true), plot.valToPos(stretch.end, "x", true)];
    ctx.globalAlpha = opacity;
    ctx.fillStyle = stretch.color;
    ctx.fillRect(left, top, Math.max(right - left, 1), bottom - top);
    ctx.globalAlpha = 1;
    const room = right - Math.max(left, bbox.left) - 8 * devicePixelRatio;
    if (options.showValue !== "never" && (options.showValue === "always" || ctx.measureText(stretch.text).width < room)) {
      ctx.fillStyle = contrast(stretch.color);
      ctx.fillText(stretch.text, Math.max(left, bbox.left) + 4 * devicePixelRatio, (top + bottom) / 2);
    }
  }
  ctx.restore();
}
