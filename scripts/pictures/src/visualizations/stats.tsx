// Stat and bar gauge: one drawing per value, laid out by @grafana/ui's VizRepeater.
import {
  type FieldDisplay,
  VizOrientation,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
} from "@grafana/data";
import type { BarGaugeDisplayMode, BarGaugeNamePlacement, BarGaugeValueMode } from "@grafana/schema";
import {
  BarGauge,
  BigValue,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  VizRepeater,
} from "@grafana/ui";
import type { ReactElement } from "react";
import type { Drawing } from "./drawings";

interface Options {
  reduceOptions?: { calcs?: string[]; fields?: string; values?: boolean; limit?: number };
  orientation?: VizOrientation;
  colorMode?: BigValueColorMode;
  graphMode?: BigValueGraphMode;
  justifyMode?: BigValueJustifyMode;
  textMode?: BigValueTextMode;
  wideLayout?: boolean;
  text?: { titleSize?: number; valueSize?: number };
  displayMode?: BarGaugeDisplayMode;
  valueMode?: BarGaugeValueMode;
  namePlacement?: BarGaugeNamePlacement;
  showUnfilled?: boolean;
  minVizWidth?: number;
  minVizHeight?: number;
  maxVizHeight?: number;
}

interface Layout {
  autoGrid?: boolean;
  itemSpacing?: number;
  minVizWidth?: number;
  minVizHeight?: number;
  maxVizHeight?: number;
}

type Size = { value: FieldDisplay; width: number; height: number; count: number; orientation: VizOrientation };

function repeated(
  { panel, frames, theme, timeZone, width, height }: Drawing,
  draw: (size: Size, values: FieldDisplay[], options: Options) => ReactElement,
  sparkline: boolean,
  layout: Layout = {},
) {
  const options = (panel.options ?? {}) as Options;
  const values = getFieldDisplayValues({
    fieldConfig: panel.fieldConfig ?? { defaults: {}, overrides: [] },
    reduceOptions: { calcs: ["lastNotNull"], ...options.reduceOptions } as never,
    replaceVariables: (text) => text,
    theme,
    data: frames,
    sparkline,
    timeZone,
  });
  return (
    <VizRepeater
      getValues={() => values}
      renderValue={(size) => draw(size as Size, values, options)}
      width={width}
      height={height}
      source={frames}
      itemSpacing={3}
      renderCounter={0}
      orientation={options.orientation ?? VizOrientation.Auto}
      {...layout}
    />
  );
}

export function StatPanel(drawing: Drawing) {
  const { graphMode = BigValueGraphMode.Area } = (drawing.panel.options ?? {}) as Options;
  return repeated(
    drawing,
    ({ value, width, height, count }, values, options) => (
      <BigValue
        value={value.display}
        count={count}
        {...(value.sparkline ? { sparkline: value.sparkline } : {})}
        colorMode={options.colorMode ?? BigValueColorMode.Value}
        graphMode={graphMode}
        justifyMode={options.justifyMode ?? BigValueJustifyMode.Auto}
        textMode={options.textMode ?? BigValueTextMode.Auto}
        alignmentFactors={getDisplayValueAlignmentFactors(values)}
        disableWideLayout={options.wideLayout === false}
        {...(options.text ? { text: options.text } : {})}
        width={width}
        height={height}
        theme={drawing.theme}
      />
    ),
    graphMode !== BigValueGraphMode.None,
    { autoGrid: true },
  );
}

export function BarGaugePanel(drawing: Drawing) {
  const options = (drawing.panel.options ?? {}) as Options;
  return repeated(
    drawing,
    ({ value, width, height, orientation }, values) => {
      const display = value.view?.getFieldDisplayProcessor(value.colIndex ?? 0);
      return (
        <BarGauge
          value={value.display}
          width={width}
          height={height}
          orientation={orientation}
          field={value.field}
          {...(display ? { display } : {})}
          theme={drawing.theme}
          itemSpacing={3}
          lcdCellWidth={12}
          displayMode={options.displayMode ?? ("gradient" as BarGaugeDisplayMode)}
          {...(options.valueMode ? { valueDisplayMode: options.valueMode } : {})}
          {...(options.namePlacement ? { namePlacement: options.namePlacement } : {})}
          {...(options.text ? { text: options.text } : {})}
          alignmentFactors={getDisplayValueAlignmentFactors(values)}
          showUnfilled={options.showUnfilled ?? true}
          isOverflow={false}
        />
      );
    },
    false,
    {
      itemSpacing: 10,
      minVizWidth: options.minVizWidth ?? 8,
      minVizHeight: options.minVizHeight ?? 16,
      maxVizHeight: options.maxVizHeight ?? 300,
    },
  );
}
