// Asks a Prometheus what a panel asks, and makes the frames that Grafana's Prometheus data source would make of the answer.
import {
  type DataFrame,
  type Field,
  FieldType,
  type Labels,
  type TimeRange,
  rangeUtil,
} from "@grafana/data";
import type { Query, Scene } from "./models";

interface Sampled {
  metric: Labels;
  values?: [number, string][];
  value?: [number, string];
}

interface Answer {
  resultType: "matrix" | "vector" | "scalar" | "string";
  result: Sampled[] | [number, string];
}

const LEAST_POINTS_MILLISECONDS = 15_000; // the data source's own scrape interval where none is set

export async function ask(address: string, path: string, parameters: Record<string, string>): Promise<unknown> {
  const response = await fetch(`${address}/api/v1/${path}`, {
    method: path.startsWith("query") ? "POST" : "GET",
    ...(path.startsWith("query") ? { body: new URLSearchParams(parameters) } : {}),
  });
  const body = (await response.json()) as { status: string; data: unknown; error?: string };
  if (body.status !== "success") {
    throw new Error(body.error ?? response.statusText);
  }
  return body.data;
}

export async function framesOf(
  query: Query,
  scene: Scene,
  range: TimeRange,
  points: number,
  minimum: string | undefined,
): Promise<DataFrame[]> {
  const least = rangeUtil.intervalToMs(scene.order.scrapeInterval) || LEAST_POINTS_MILLISECONDS;
  const floor = query.interval || minimum;
  const asked = floor ? rangeUtil.intervalToMs(scene.interpolate(floor)) : least;
  const step = Math.max(rangeUtil.calculateInterval(range, points, `${asked}ms`).intervalMs, 1000);
  const seconds = (range.to.valueOf() - range.from.valueOf()) / 1000;
  const expression = scene.interpolate(query.expr, {
    __interval: duration(step),
    __interval_ms: `${step}`,
    __rate_interval: duration(Math.max(step + least, 4 * least)),
    __range: `${Math.round(seconds)}s`,
    __range_s: `${Math.round(seconds)}`,
    __range_ms: `${Math.round(seconds * 1000)}`,
  });
  if (query.instant && !query.range) {
    const answer = (await ask(scene.order.prometheus, "query", {
      query: expression,
      time: `${range.to.valueOf() / 1000}`,
    })) as Answer;
    return query.format === "table" ? [tableOf(answer, query)] : seriesOf(answer, query, expression, undefined);
  }
  const start = Math.floor(range.from.valueOf() / step) * step;
  const end = Math.floor(range.to.valueOf() / step) * step;
  const answer = (await ask(scene.order.prometheus, "query_range", {
    query: expression,
    start: `${start / 1000}`,
    end: `${end / 1000}`,
    step: `${step / 1000}`,
  })) as Answer;
  return query.format === "table" ? [tableOf(answer, query)] : seriesOf(answer, query, expression, step);
}

function duration(milliseconds: number): string {
  return milliseconds % 1000 ? `${milliseconds}ms` : `${milliseconds / 1000}s`;
}

function sampled(answer: Answer): Sampled[] {
  if (answer.resultType === "matrix" || answer.resultType === "vector") {
    return answer.result as Sampled[];
  }
  return [{ metric: {}, value: answer.result as [number, string] }];
}

function seriesOf(answer: Answer, query: Query, expression: string, step: number | undefined): DataFrame[] {
  const all = sampled(answer);
  return all.map((one) => {
    const samples = one.values ?? (one.value ? [one.value] : []);
    const { __name__: name, ...labels } = one.metric;
    const legend = named(query, one.metric, expression);
    const value: Field = {
      name: legend ?? name ?? "Value",
      type: FieldType.number,
      config: legend === undefined ? {} : { displayNameFromDS: legend },
      labels,
      values: samples.map(([, text]) => numbered(text)),
    };
    const time: Field = {
      name: "Time",
      type: FieldType.time,
      config: step === undefined ? {} : { interval: step },
      values: samples.map(([when]) => Math.round(when * 1000)),
    };
    return { refId: query.refId, ...(legend ? { name: legend } : {}), fields: [time, value], length: samples.length };
  });
}

// undefined: Grafana names the series by what its labels differ in
function named(query: Query, metric: Labels, expression: string): string | undefined {
  if (!query.legendFormat || query.legendFormat === "__auto") {
    return Object.keys(metric).length ? undefined : expression;
  }
  return query.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? "");
}

function tableOf(answer: Answer, query: Query): DataFrame {
  const rows = sampled(answer).flatMap((one) =>
    (one.values ?? (one.value ? [one.value] : [])).map(([when, text]) => ({ when, text, metric: one.metric })),
  );
  const labels = [...new Set(rows.flatMap((row) => Object.keys(row.metric)))].sort();
  return {
    refId: query.refId,
    length: rows.length,
    meta: { preferredVisualisationType: "table" },
    fields: [
      { name: "Time", type: FieldType.time, config: {}, values: rows.map((row) => Math.round(row.when * 1000)) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map((row) => row.metric[label] ?? ""),
      })),
      { name: "Value", type: FieldType.number, config: {}, values: rows.map((row) => numbered(row.text)) },
    ],
  };
}

function numbered(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

// Of several tables in one panel Grafana tells each Value by its query.
export function told(frames: DataFrame[]): DataFrame[] {
  if (frames.filter((frame) => frame.meta?.preferredVisualisationType === "table").length < 2) {
    return frames;
  }
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => (field.name === "Value" ? { ...field, name: `Value #${frame.refId}` } : field)),
  }));
}
