// Three charts on one time axis: demand with its forecasts, replicas, and the anomaly score against its threshold. A chart
// is built once; new data is set into it. Blue is what was, amber is what Helios said, red is what is unusual.

import { dayOf, minuteOf, scaleOf, tick } from "./formats.js";

const { uPlot } = globalThis;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const DECIMAL_STEPS = [1, 2, 2.5, 5].flatMap((n) => Array.from({ length: 21 }, (_, i) => n * 10 ** (i - 6))).sort((a, b) => a - b);
const BINARY_STEPS = Array.from({ length: 60 }, (_, i) => 2 ** i);
const SCORE_STEPS = [0.5, 1, 2, 5, 10, 20, 50];
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];

/** Columns of the demand chart's data, beside time. */
export const SERIES = { thenLow: 1, thenHigh: 2, then: 3, low: 4, high: 5, median: 6, actual: 7, anomaly: 8 };

/** Columns of the score chart's data, beside time. */
export const SCORES = { score: 1, threshold: 2, onset: 3 };

/** The colour that a custom property has now, as the canvas needs it. */
function palette(element) {
  const probe = document.createElement("span");
  probe.hidden = true;
  element.append(probe);
  const colours = new Map();
  return {
    of(name) {
      if (!colours.has(name)) {
        probe.style.color = `var(--${name})`;
        colours.set(name, getComputedStyle(probe).color);
      }
      return colours.get(name);
    },
    forget: () => colours.clear(),
  };
}

/** From zero, unless the demand lives far above it: a footprint of 8 GiB +- 1 % shall not be a flat line. */
function demandRange(min, max) {
  if (min === null || max === null || !(max > 0)) return [0, 1];
  const room = Math.max(max - min, max * 0.02) * 0.12;
  return min > max * 0.5 ? [min - room, max + room] : [0, max * 1.06];
}

/** Time ticks: hours and minutes, the day where it changes. */
function timeWords(_, ticks, __, ___, step) {
  return ticks.map((tick, i) => {
    const day = dayOf(tick);
    if (step >= 86400) return day;
    return i === 0 || dayOf(ticks[i - 1]) !== day ? `${minuteOf(tick)}\n${day}` : minuteOf(tick);
  });
}

/** A chart in `box` that follows the box's width, with what all charts have in common. */
function build(box, { series, bands = [], ticks, steps, height, range, room, before, over, moved }) {
  const colours = palette(box);
  const axis = { font: FONT, stroke: () => colours.of("ink-3"), ticks: { show: false } };
  const grid = { stroke: () => colours.of("grid"), width: 1 };
  const chart = new uPlot({
    width: box.clientWidth || 600,
    height: height(),
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: {
      sync: { key: "helios-target" }, y: false, focus: { prox: -1 },
      points: { size: 7, width: 2, show: true },
      drag: { x: true, y: false },
    },
    scales: { x: { time: true }, y: { range: (_, min, max) => range(min, max) } },
    axes: [
      { ...axis, grid: { show: false }, values: timeWords, space: 74, size: 40 },
      { ...axis, grid, values: ticks, incrs: steps, space: room, size: 68, gap: 6 },
    ],
    series: [{},
      ...series.map((each) => ({
        points: { show: false }, ...each,
        stroke: each.colour ? () => colours.of(each.colour) : undefined,
        fill: each.shade ? () => colours.of(each.shade) : undefined,
      }))],
    bands: bands.map((band) => ({ series: band.series, fill: () => colours.of(band.colour) })),
    hooks: {
      drawClear: [(u) => before?.(u, colours)],
      draw: [(u) => over(u, colours)],
      setCursor: [(u) => moved(u.cursor.idx)],
    },
  }, [[], ...series.map(() => [])], box);
  const fit = () => {
    const size = { width: box.clientWidth, height: height() };
    if (size.width > 0 && (size.width !== chart.width || size.height !== chart.height)) chart.setSize(size);
  };
  new ResizeObserver(fit).observe(box);
  return {
    chart,
    colours,
    recolour() {
      colours.forget();
      chart.redraw(false, true);
    },
  };
}

/** A dashed line where the present is, with its name. */
function drawNow(u, colours, now, named) {
  if (now === null || now < u.scales.x.min || now > u.scales.x.max) return;
  const x = Math.round(u.valToPos(now, "x", true));
  const { ctx } = u;
  const { top, height } = u.bbox;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colours.of("ink-3");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  if (named) {
    ctx.font = FONT.replace("12px", `${11 * devicePixelRatio}px`);
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    ctx.fillText("now", x - 4 * devicePixelRatio, top);
  }
  ctx.restore();
}

/** Shade the stretches in which an anomaly was held, `[[from, to], …]` in seconds. */
function drawStretches(u, colours, stretches) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.fillStyle = colours.of("alarm-shade");
  for (const [from, to] of stretches) {
    const x0 = Math.max(left, u.valToPos(from, "x", true));
    const x1 = Math.min(left + width, Math.max(u.valToPos(to, "x", true), x0 + 2 * devicePixelRatio));
    if (x1 > x0) ctx.fillRect(x0, top, x1 - x0, height);
  }
  ctx.restore();
}

/** All charts. `moved(index)` tells where the cursor is: an index into the data, or null. */
export class Charts {
  #demand;
  #replicas;
  #score;
  #unit = "1";
  #now = null;
  #stretches = [];

  constructor(demandBox, replicaBox, scoreBox, moved) {
    const low = () => (innerWidth < 640 ? 220 : 300);
    const flat = () => (innerWidth < 640 ? 130 : 160);
    this.#demand = build(demandBox, {
      height: low, moved,
      range: (min, max) => demandRange(min, max),
      room: 36,
      steps: () => (this.#unit === "bytes" ? BINARY_STEPS : DECIMAL_STEPS),
      ticks: (_, values) => this.#valueWords(values),
      before: (u, colours) => drawStretches(u, colours, this.#stretches),
      over: (u, colours) => drawNow(u, colours, this.#now, true),
      bands: [
        { series: [SERIES.thenHigh, SERIES.thenLow], colour: "then-shade" },
        { series: [SERIES.high, SERIES.low], colour: "helios-shade" },
      ],
      series: [
        { label: "then low", width: 0 }, { label: "then high", width: 0 },
        { label: "then", colour: "then", width: 1.25, dash: [5, 4] },
        { label: "low", width: 0 }, { label: "high", width: 0 },
        { label: "median", colour: "helios", width: 2 },
        { label: "actual", colour: "actual", width: 1.6 },
        { label: "anomaly", colour: "alarm", width: 0, paths: () => null,
          points: { show: true, size: 7, width: 1, fill: () => this.#demand.colours.of("alarm") } },
      ],
    });
    this.#replicas = build(replicaBox, {
      height: flat, moved,
      range: (_, max) => [0, Math.max(1, Math.ceil((max ?? 0) * 1.1))],
      room: 24,
      steps: WHOLE_STEPS,
      ticks: (_, values) => values.map(tick),
      over: (u, colours) => drawNow(u, colours, this.#now, false),
      series: [
        { label: "running", colour: "actual", shade: "actual-shade", width: 1.6, paths: uPlot.paths.stepped({ align: 1 }) },
        { label: "recommended", colour: "helios", width: 1.8, paths: uPlot.paths.stepped({ align: 1 }) },
      ],
    });
    this.#score = build(scoreBox, {
      height: () => (innerWidth < 640 ? 110 : 130), moved,
      range: (_, max) => [0, Math.max(1, (max ?? 0) * 1.15)],
      room: 24,
      steps: SCORE_STEPS,
      ticks: (_, values) => values.map((value) => `${tick(value)} σ`),
      before: (u, colours) => drawStretches(u, colours, this.#stretches),
      over: (u, colours) => drawNow(u, colours, this.#now, false),
      series: [
        { label: "score", colour: "ink-2", width: 1.3 },
        { label: "threshold", colour: "alarm", width: 1, dash: [5, 4] },
        { label: "onset", colour: "alarm", width: 0, paths: () => null,
          points: { show: true, size: 9, width: 1, fill: () => this.#score.colours.of("alarm") } },
      ],
    });
  }

  /** New data into the standing charts; a reader's zoom is kept. */
  show({ demand, replicas, scores, unit, now, stretches }) {
    this.#unit = unit;
    this.#now = now;
    this.#stretches = stretches;
    for (const [{ chart }, data] of [[this.#demand, demand], [this.#replicas, replicas], [this.#score, scores]]) {
      const had = chart.data[0];
      const { min, max } = chart.scales.x;
      const zoomed = had.length > 1 && (min > had[0] || max < had.at(-1));
      const inside = zoomed && data[0].length && min >= data[0][0] && max <= data[0].at(-1);
      chart.setData(data, !inside);
      if (inside) chart.redraw();
    }
  }

  /** Forget a reader's zoom: what comes next is something else. */
  whole() {
    for (const { chart } of [this.#demand, this.#replicas, this.#score]) {
      const [times] = chart.data;
      if (times.length > 1) chart.setScale("x", { min: times[0], max: times.at(-1) });
    }
  }

  /** Read the colours again: the theme has changed. */
  recolour() {
    for (const each of [this.#demand, this.#replicas, this.#score]) each.recolour();
  }

  #valueWords(values) {
    const { divisor, name } = scaleOf(Math.max(...values), this.#unit);
    return values.map((value) => `${tick(value / divisor)}${name && this.#unit !== "cores" ? ` ${name}` : ""}`);
  }
}
