// Annotations from Prometheus, as its data source makes them: where the expression is not zero, neighbours in one region.
import type { DataFrame } from "@grafana/data";
import type { Annotation, Query, Scene } from "./models";
import { framesOf } from "./prometheus";
import type { Mark } from "./visualizations/drawings";

const POINTS = 1500;

export async function marksOf(scene: Scene): Promise<Mark[]> {
  const wanted = (scene.order.dashboard.annotations?.list ?? []).filter((one) => one.enable && expression(one));
  return (await Promise.all(wanted.map((one) => asked(one, scene)))).flat();
}

function expression(annotation: Annotation): string | undefined {
  return annotation.expr ?? annotation.target?.expr;
}

async function asked(annotation: Annotation, scene: Scene): Promise<Mark[]> {
  const query: Query = { refId: "Anno", expr: expression(annotation) ?? "", interval: annotation.step || "60s" };
  const frames = await framesOf(query, scene, scene.range, POINTS, undefined);
  return frames.flatMap((frame) => regions(frame, annotation));
}

function regions(frame: DataFrame, annotation: Annotation): Mark[] {
  const [time, value] = frame.fields;
  const step = time?.config.interval ?? 60_000;
  const marks: Mark[] = [];
  value?.values.forEach((sample: number, i: number) => {
    if (!sample) {
      return;
    }
    const when = time?.values[i] as number;
    const before = marks.at(-1);
    if (before && when - before.end <= step) {
      before.end = when;
    } else {
      marks.push({ start: when, end: when, color: annotation.iconColor, text: annotation.name });
    }
  });
  return marks;
}
