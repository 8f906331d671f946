// Time series: @grafana/ui's own TimeSeries; annotations are drawn over it as Grafana does.
import { type DataFrame, FieldType, type GrafanaTheme2 } from "@grafana/data";
import { LegendDisplayMode, type VizLegendOptions } from "@grafana/schema";
import { TimeSeries, type UPlotConfigBuilder } from "@grafana/ui";
import type uPlot from "uplot";
import type { Drawing, Mark } from "./drawings";

const LEGEND: VizLegendOptions = { displayMode: LegendDisplayMode.List, placement: "bottom", calcs: [], showLegend: true };

export function TimeSeriesPanel({ panel, frames, range, timeZone, theme, width, height, marks }: Drawing) {
  return (
    <TimeSeries
      frames={graphable(frames)}
      timeRange={range}
      timeZone={timeZone}
      width={width}
      height={height}
      legend={{ ...LEGEND, ...(panel.options?.["legend"] as Partial<VizLegendOptions>) }}
      options={panel.options}
    >
      {(builder) => {
        annotate(builder, marks, theme);
        return null;
      }}
    </TimeSeries>
  );
}

// What is no number is a gap.
export function graphable(frames: DataFrame[]): DataFrame[] {
  return frames
    .filter((frame) => frame.fields.some((field) => field.type === FieldType.number))
    .map((frame) => ({
      ...frame,
      fields: frame.fields.map((field) =>
        field.type === FieldType.number
          ? { ...field, values: field.values.map((value: number) => (Number.isFinite(value) ? value : null)) }
          : field,
      ),
    }));
}

const annotated = new WeakSet<UPlotConfigBuilder>();

function annotate(builder: UPlotConfigBuilder, marks: Mark[], theme: GrafanaTheme2): void {
  if (annotated.has(builder)) {
    return;
  }
  annotated.add(builder);
  builder.addHook("draw", (plot: uPlot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const mark of marks) {
      const color = theme.visualization.getColorByName(mark.color);
      const [from, to] = [plot.valToPos(mark.start, "x", true), plot.valToPos(mark.end, "x", true)];
      ctx.fillStyle = color;
      ctx.strokeStyle = color;
      ctx.lineWidth = devicePixelRatio;
      if (to - from >= 1) {
        ctx.globalAlpha = 0.1;
        ctx.fillRect(from, bbox.top, to - from, bbox.height);
        ctx.globalAlpha = 1;
      }
      ctx.setLineDash([5 * devicePixelRatio, 5 * devicePixelRatio]);
      for (const place of new Set([from, to])) {
        ctx.beginPath();
        ctx.moveTo(place, bbox.top);
        ctx.lineTo(place, bbox.top + bbox.height);
        ctx.stroke();
      }
    }
    ctx.restore();
  });
}
