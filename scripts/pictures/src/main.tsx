// The page: takes one order from the driver, draws the dashboard, and says when it is done.
import { type TimeRange, createTheme, dateMath, dateTime } from "@grafana/data";
import { GlobalStyles, PortalContainer, ThemeContext } from "@grafana/ui";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { marksOf } from "./annotations";
import { DashboardView, panelsOf, placed } from "./dashboards";
import { prepare } from "./fields";
import type { Order, Scene } from "./models";
import "./page.css";
import { load } from "./panels";
import { choose, replaced } from "./variables";

declare global {
  interface Window {
    draw: (order: Order) => Promise<Outcome>;
  }
}

// What the driver is told: panels without data, and panels that failed.
interface Outcome {
  empty: string[];
  faults: Record<string, string>;
}

prepare();
window.draw = draw;

async function draw(order: Order): Promise<Outcome> {
  const root = createRoot(document.getElementById("dashboard")!);
  const theme = createTheme({ colors: { mode: order.theme } });
  // numbers are made as large as fits their measured width: the font must be there before
  flushSync(() => root.render(<ThemeContext.Provider value={theme}><GlobalStyles /></ThemeContext.Provider>));
  await Promise.all(["400", "500"].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  const range = rangeOf(order);
  const chosen = await choose(order, range);
  const scene: Scene = { order, range, interpolate: (text, more = {}) => replaced(text, chosen, more) };
  const panels = panelsOf(order.dashboard, chosen);
  const [marks, ...loaded] = await Promise.all([
    marksOf(scene),
    ...panels.map((panel) => load(panel, scene, placed(panel.gridPos, order.width).width)),
  ]);
  root.render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <DashboardView scene={scene} chosen={chosen} loaded={loaded} marks={marks} />
      <PortalContainer />
    </ThemeContext.Provider>,
  );
  const asked = loaded.filter(({ panel }) => panel.targets?.length);
  return {
    empty: asked.filter(({ frames }) => !frames.some((frame) => frame.length)).map(({ panel }) => panel.title ?? ""),
    faults: Object.fromEntries(asked.filter(({ fault }) => fault).map(({ panel, fault }) => [panel.title ?? "", fault ?? ""])),
  };
}

function rangeOf({ dashboard, end }: Order): TimeRange {
  const to = dateTime(end);
  const ago = /^now-(\d+)([a-z]+)$/i.exec(dashboard.time?.from ?? "now-6h");
  const from = (ago && dateMath.parse(`${dateTime(end).toISOString()}||-${ago[1]}${ago[2]}`)) || dateTime(end - 6 * 3_600_000);
  return { from, to, raw: { from, to } };
}
