// Table: @grafana/ui's Table (the one Grafana 11 draws; Grafana 12's successor has the same columns, units and colours).
import { type TableSortByFieldState, Table } from "@grafana/ui";
import type { TableCellHeight } from "@grafana/schema";
import type { Drawing } from "./drawings";

interface Options {
  showHeader?: boolean;
  sortBy?: TableSortByFieldState[];
  cellHeight?: TableCellHeight;
}

export function TablePanel({ panel, frames, width, height, range, timeZone }: Drawing) {
  const options = (panel.options ?? {}) as Options;
  const frame = frames.find((one) => one.length > 0);
  return frame ? (
    <Table
      data={frame}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      showTypeIcons={false}
      resizable={true}
      timeRange={range}
      key={timeZone}
      {...(options.sortBy ? { initialSortBy: options.sortBy } : {})}
      {...(options.cellHeight ? { cellHeight: options.cellHeight } : {})}
      {...(panel.fieldConfig ? { fieldConfig: panel.fieldConfig } : {})}
    />
  ) : (
    <></>
  );
}
