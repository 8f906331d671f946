// Field configuration, transformations and theme as Grafana applies them: @grafana/data does the work, told here which options exist.
import {
  type DataFrame,
  type DataTransformerConfig,
  FieldColorModeId,
  FieldConfigOptionsRegistry,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
  type ThresholdsConfig,
  ThresholdsMode,
  applyFieldOverrides,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from "@grafana/data";
import { firstValueFrom } from "rxjs";
import type { Panel, Scene } from "./models";

// Options that Grafana itself knows; those of a panel type are "custom".
const STANDARD = ["displayName", "unit", "min", "max", "fieldMinMax", "decimals", "noValue", "thresholds", "mappings", "links", "color"];

// What a panel type's options are where the JSON leaves them out.
const CUSTOM: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: "line",
    lineInterpolation: "linear",
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: "none",
    spanNulls: false,
    showPoints: "auto",
    pointSize: 5,
    barAlignment: 0,
    axisPlacement: "auto",
    axisLabel: "",
    scaleDistribution: { type: "linear" },
    stacking: { mode: "none", group: "A" },
    thresholdsStyle: { mode: "off" },
    hideFrom: { legend: false, tooltip: false, viz: false },
  },
  "state-timeline": { lineWidth: 0, fillOpacity: 70, hideFrom: { legend: false, tooltip: false, viz: false } },
  table: { align: "auto", cellOptions: { type: "auto" }, inspect: false },
};

const COLOURED_BY_SERIES = new Set(["timeseries"]);

export function prepare(): void {
  const byId = new Map(Object.values(standardTransformers).map((one) => [one.id, one])); // one has two names
  standardTransformersRegistry.setInit(() =>
    [...byId.values()].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation: transformation as never,
      editor: () => null,
      imageDark: "",
      imageLight: "",
    })),
  );
}

export async function transformed(frames: DataFrame[], panel: Panel, scene: Scene): Promise<DataFrame[]> {
  const steps = (panel.transformations ?? []).filter((one: DataTransformerConfig) => !one.disabled);
  if (!steps.length) {
    return frames;
  }
  for (const step of steps) {
    standardTransformersRegistry.get(step.id); // throws by name: a transformation that is left out would show other numbers
  }
  return firstValueFrom(transformDataFrame(steps, frames, { interpolate: (text) => scene.interpolate(text ?? "") }));
}

export function configured(frames: DataFrame[], panel: Panel, scene: Scene, theme: GrafanaTheme2): DataFrame[] {
  const own = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const source: FieldConfigSource = {
    defaults: {
      color: { mode: COLOURED_BY_SERIES.has(panel.type) ? FieldColorModeId.PaletteClassic : FieldColorModeId.Thresholds },
      thresholds: {
        mode: ThresholdsMode.Absolute,
        steps: [
          { value: -Infinity, color: "green" },
          { value: 80, color: "red" },
        ],
      },
      ...own.defaults,
      custom: { ...CUSTOM[panel.type], ...(own.defaults?.custom ?? {}) },
    },
    overrides: own.overrides ?? [],
  };
  bounded(source.defaults.thresholds);
  for (const property of source.overrides.flatMap((rule) => rule.properties)) {
    bounded(property.id === "thresholds" ? property.value : undefined);
  }
  return applyFieldOverrides({
    data: frames,
    fieldConfig: source,
    fieldConfigRegistry: registryOf(source),
    replaceVariables: (text) => scene.interpolate(text),
    theme,
    timeZone: scene.order.timeZone,
  });
}

// JSON has no infinity: the first step begins at null.
function bounded(thresholds: ThresholdsConfig | undefined): void {
  const first = thresholds?.steps[0];
  if (first) {
    first.value = -Infinity;
  }
}

function registryOf(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = new Set(Object.keys((source.defaults.custom ?? {}) as object));
  for (const rule of source.overrides) {
    for (const { id } of rule.properties) {
      if (id.startsWith("custom.")) {
        custom.add(id.slice("custom.".length));
      } else if (!STANDARD.includes(id)) {
        throw new Error(`an override of ${id} is not known here`);
      }
    }
  }
  const items = [
    ...STANDARD.map((id) => item(id, id, false)),
    ...[...custom].map((path) => item(`custom.${path}`, path, true)),
  ];
  return new FieldConfigOptionsRegistry(() => items);
}

function item(id: string, path: string, isCustom: boolean): FieldConfigPropertyItem {
  const nothing = () => null;
  return {
    id,
    path,
    isCustom,
    name: id,
    editor: nothing,
    override: nothing,
    process: (value: unknown) => value,
    shouldApply: () => true,
  };
}
