// The dashboard: title, variables, time range and links above panels on Grafana's grid of 24 columns.
import { dateTimeFormat } from "@grafana/data";
import { Icon, type IconName, useTheme2 } from "@grafana/ui";
import type { CSSProperties } from "react";
import type { Dashboard, GridPosition, Panel, Scene } from "./models";
import { type Loaded, PanelView } from "./panels";
import type { Chosen } from "./variables";
import type { Mark } from "./visualizations/drawings";

const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;
const MARGIN = 16;
const HIDDEN = 2;
const LABEL_HIDDEN = 1;
const LINK_ICONS: Record<string, IconName> = { "external link": "external-link-alt", dashboard: "apps", info: "info-circle" };

// In the order of the file; a panel that is repeated moves what is below it down.
export function panelsOf(dashboard: Dashboard, chosen: Map<string, Chosen>): Panel[] {
  const panels = dashboard.panels.flatMap((panel) => (panel.collapsed ? [panel] : [panel, ...(panel.panels ?? [])]));
  let down = 0;
  return panels.flatMap((panel) => {
    const moved = { ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + down } };
    const all = panel.repeat ? repeated(moved, panel.repeat, chosen.get(panel.repeat)?.values ?? []) : [moved];
    down += Math.max(...all.map(({ gridPos }) => gridPos.y)) - moved.gridPos.y;
    return all;
  });
}

function repeated(panel: Panel, name: string, values: string[]): Panel[] {
  const { gridPos, maxPerRow = 4, repeatDirection } = panel;
  const down = repeatDirection === "v";
  const across = down ? 1 : Math.max(1, Math.min(values.length, maxPerRow));
  const w = down ? gridPos.w : COLUMNS / across;
  return values.map((value, i) => {
    const [x, y] = [down ? gridPos.x : w * (i % across), gridPos.y + gridPos.h * Math.floor(i / across)];
    return { ...panel, id: panel.id * 1000 + i, scope: { [name]: value }, gridPos: { ...gridPos, w, x, y } };
  });
}

export function placed({ x, y, w, h }: GridPosition, width: number) {
  const column = (width - 2 * MARGIN - GAP * (COLUMNS - 1)) / COLUMNS;
  return {
    left: Math.round(x * (column + GAP)),
    top: y * (CELL_HEIGHT + GAP),
    width: Math.round(w * (column + GAP) - GAP),
    height: h * (CELL_HEIGHT + GAP) - GAP,
  };
}

export function DashboardView(props: { scene: Scene; chosen: Map<string, Chosen>; loaded: Loaded[]; marks: Mark[] }) {
  const { scene, chosen, loaded, marks } = props;
  const theme = useTheme2();
  const places = loaded.map(({ panel }) => placed(panel.gridPos, scene.order.width));
  const height = Math.max(...places.map((place) => place.top + place.height));
  const { canvas } = theme.colors.background;
  return (
    <div style={{ padding: MARGIN, width: scene.order.width, background: canvas, color: theme.colors.text.primary }}>
      <Header scene={scene} chosen={chosen} />
      <div style={{ position: "relative", height }}>
        {loaded.map((one, i) => (
          <div key={one.panel.id} style={{ position: "absolute", ...places[i] }}>
            {one.panel.type === "row" ? (
              <RowTitle panel={one.panel} scene={scene} />
            ) : (
              <PanelView loaded={one} scene={scene} marks={marks} width={places[i]!.width} height={places[i]!.height} />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

function RowTitle({ panel, scene }: { panel: Panel; scene: Scene }) {
  const theme = useTheme2();
  return (
    <div style={{ display: "flex", alignItems: "center", gap: 4, height: CELL_HEIGHT, ...theme.typography.h5 }}>
      <Icon name={panel.collapsed ? "angle-right" : "angle-down"} />
      {scene.interpolate(panel.title ?? "")}
    </div>
  );
}

function Header({ scene, chosen }: { scene: Scene; chosen: Map<string, Chosen> }) {
  const theme = useTheme2();
  const { dashboard, timeZone } = scene.order;
  const box: CSSProperties = {
    display: "flex",
    alignItems: "center",
    gap: 6,
    height: 32,
    padding: "0 8px",
    border: `1px solid ${theme.components.input.borderColor}`,
    background: theme.components.input.background,
    fontSize: theme.typography.bodySmall.fontSize,
    whiteSpace: "nowrap",
  };
  const label: CSSProperties = { ...box, background: theme.colors.background.secondary, borderRight: "none", fontWeight: 500 };
  const shown = [...chosen.values()].filter(({ variable }) => variable.hide !== HIDDEN);
  return (
    <div style={{ marginBottom: MARGIN }}>
      <div style={{ display: "flex", alignItems: "center", gap: 8, marginBottom: 12, ...theme.typography.h4 }}>
        <span style={{ color: theme.colors.text.secondary, fontWeight: 400 }}>Dashboards</span>
        <Icon name="angle-right" />
        {dashboard.title}
        <span style={{ ...box, marginLeft: "auto", fontWeight: 400 }}>
          <Icon name="clock-nine" />
          {dateTimeFormat(scene.range.from, { timeZone })} to {dateTimeFormat(scene.range.to, { timeZone })}
          <span style={{ color: theme.colors.text.secondary }}>{timeZone.toUpperCase()}</span>
        </span>
      </div>
      <div style={{ display: "flex", flexWrap: "wrap", gap: 8, alignItems: "center" }}>
        {shown.map(({ variable, text }) => (
          <div key={variable.name} style={{ display: "flex" }}>
            {variable.hide !== LABEL_HIDDEN && <span style={label}>{variable.label ?? variable.name}</span>}
            <span style={{ ...box, minWidth: 90, justifyContent: "space-between" }}>
              {text}
              <Icon name="angle-down" />
            </span>
          </div>
        ))}
        {(dashboard.links ?? []).map((link) => (
          <span key={link.title} style={{ ...box, background: theme.colors.secondary.main }}>
            <Icon name={LINK_ICONS[link.icon ?? ""] ?? "link"} />
            {link.title}
          </span>
        ))}
      </div>
    </div>
  );
}
