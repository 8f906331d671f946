// One target in full: the verdict in words, the figures, three charts and the evidence. All of it stands in the
// document from the start and is filled in place, so that a new cycle changes numbers and nothing else.

import { Anomaly } from "./anomalies.js";
import { Charts } from "./charts.js";
import { changeWords, directionOf, isWorse, keyOf, STATES } from "./columns.js";
import { choice, fill, make, mark, memory, partsOf, say } from "./elements.js";
import { changeOf, duration, fixed, minuteOf, moment, number, percent, quantity, scaleOf, UNKNOWN } from "./formats.js";
import { drawn } from "./histories.js";
import { Keys } from "./keys.js";

export const RANGES = [["21600", "6 h"], ["86400", "24 h"], ["259200", "3 d"], ["604800", "7 d"]];

const MODES = {
  Observe: "Publishes and reports, touches nothing",
  Recommend: "Offers a ScaledObject where nothing else scales the workload",
  Autoscale: "Helios' number scales the workload",
};
const VERDICTS = { up: "Scale up", down: "Scale down" };

/** "Scale up from 2 to 4:"; the reason follows, and says itself where there is no recommendation. */
function verdictOf(report) {
  const change = changeOf(report);
  const { current_replicas: now, recommended_replicas: then } = report;
  if (then === null) return "";
  if (change === null) return `${number(then)} replicas recommended:`;
  if (change === 0) return `Hold at ${number(now)}:`;
  return `${VERDICTS[directionOf(change)]} from ${number(now)} to ${number(then)}:`;
}

const sentence = (words) => (words && !/[.!?]$/.test(words) ? `${words}.` : words);

export class Target {
  #root;
  #parts;
  #charts = null;
  #keys;
  #anomaly;
  #chooseMetric;
  #chooseRange;
  #key = null;
  #report = null;
  #history = null;
  #metric = null;
  #range;

  /** `changed()` is called when another range of history is needed. */
  constructor(root, changed) {
    this.#root = root;
    this.#parts = partsOf(root);
    this.#keys = new Keys(this.#parts);
    this.#anomaly = new Anomaly(this.#parts);
    const remembered = memory.get("range");
    this.#range = RANGES.some(([key]) => key === remembered) ? remembered : "86400";
    this.#chooseMetric = choice(this.#parts.metricChoice, "metric", (name) => {
      this.#metric = name;
      this.#draw();
    });
    this.#chooseRange = choice(this.#parts.rangeChoice, "range", (key) => {
      this.#range = key;
      memory.set("range", key);
      this.#charts?.whole();
      this.#draw();
      changed();
    });
    this.#chooseRange(RANGES, this.#range);
  }

  /** Seconds of history that the reader wants to see. */
  get range() {
    return Number(this.#range);
  }

  /** Another target, or none (null): what stood here before is forgotten. */
  open(key, name) {
    this.#key = key;
    this.#report = this.#history = null;
    this.#keys.note("");
    this.#charts?.whole();
    this.#root.hidden = key === null;
    if (key === null) return;
    say(this.#parts.name, name);
    this.#parts.content.hidden = true;
    this.#missing("Loading", `Waiting for the report of ${key}.`);
    this.#parts.name.focus({ preventScroll: true });
    this.#root.scrollTop = 0;
  }

  /** The latest report of the open target, or null where there is no such target. */
  showReport(report) {
    if (report === null) {
      this.#parts.content.hidden = true;
      this.#missing("No such target", `Helios does not watch ${this.#key}. It may have been removed, or its first cycle is still to come.`);
      return;
    }
    this.#report = report;
    this.#parts.missing.hidden = true;
    this.#parts.content.hidden = false;
    this.#head(report);
    this.#figures(report);
    this.#evidence(report);
    this.#draw();
  }

  /** The history of the open target, or the reason why there is none. */
  showHistory(history, problem = "") {
    if (history) this.#history = history;
    this.#draw();
    if (problem) this.#keys.note(this.#history ? "" : problem);
  }

  /** Read the colours again. */
  recolour() {
    this.#charts?.recolour();
  }

  #missing(title, words) {
    this.#parts.missing.replaceChildren(make("p", "strong", title), make("p", "faint", words));
    this.#parts.missing.hidden = false;
    for (const name of ["kind", "mode", "state", "scored"]) say(this.#parts[name], "");
  }

  #head(report) {
    const p = this.#parts;
    say(p.name, report.deployment);
    say(p.kind, `${report.namespace} · ${report.kind}`);
    say(p.mode, report.mode);
    mark(p.mode, "title", MODES[report.mode]);
    say(p.state, report.state === "scored" ? "" : (STATES[report.state] ?? report.state));
    mark(p.state, "data-state", report.state);
    say(p.scored, report.scored_at ? `scored ${moment(report.scored_at)}` : "not scored yet");
    say(p.verdict, verdictOf(report));
    mark(p.verdict, "data-direction", directionOf(changeOf(report)));
    say(p.reason, sentence(report.reason));
    say(p.problem, report.problem ?? "");
    p.problem.hidden = !report.problem;
  }

  #figures(report) {
    const p = this.#parts;
    const change = changeOf(report);
    say(p.current, number(report.current_replicas));
    say(p.recommended, number(report.recommended_replicas));
    say(p.change, change ? changeWords(change) : "");
    say(p.uncapped, number(report.recommended_replicas_uncapped));
    say(p.bounds, `${number(report.min_replicas)}–${number(report.max_replicas)}`);
    say(p.confidence, percent(report.confidence));
    say(p.lead, duration(report.lead_seconds));
    say(p.model, report.model || UNKNOWN);
  }

  #evidence(report) {
    const p = this.#parts;
    const lines = fill(p.metrics, report.metrics.map((m) => [
      m.name, quantity(m.observed, m.unit), quantity(m.per_replica, m.unit), percent(m.utilization),
      fixed(m.skill, 2, true), percent(m.bias, { digits: 1, signed: true }), percent(m.coverage),
      `${number(m.points)} of ${number(m.needed)}`,
    ]));
    report.metrics.forEach((m, i) => {
      mark(lines[i].children[0], "data-drives", m.drives ? "drives replicas" : null);
      mark(lines[i].children[4], "data-worse", isWorse(m.skill));
    });
    this.#anomaly.show(report);
    this.#ledger(report.ledger);
  }

  #ledger(ledger) {
    const p = this.#parts;
    const [hours, then] = [ledger.replica_hours_actual, ledger.replica_hours_recommended];
    const [short, shortThen] = [ledger.short_minutes_actual, ledger.short_minutes_recommended];
    const gap = Math.round(shortThen - short);
    say(p.ledgerSpan, ledger.seconds > 0 ? `last ${duration(ledger.seconds)}` : "from now on");
    fill(p.ledger, [
      ["Replica-hours", number(hours), number(then), hours > 0 ? percent(then / hours - 1, { digits: 1, signed: true }) : UNKNOWN],
      ["Minutes short", fixed(short, 0), fixed(shortThen, 0), gap === 0 ? "0" : fixed(gap, 0, true)],
    ]);
    say(p.ledgerLine, ledger.line);
  }

  #horizons(metric) {
    const p = this.#parts;
    const { divisor, name } = scaleOf(Math.max(0, ...metric.horizons.map((h) => h.upper)), metric.unit);
    say(p.horizonName, name ? `${metric.name}, ${name}` : metric.name);
    fill(p.horizons, metric.horizons.map((h) => [
      h.horizon, minuteOf(Date.parse(h.at) / 1000), ...[h.lower, h.median, h.upper].map((v) => number(v / divisor)),
      percent(h.ratio),
    ]));
    say(p.why, metric.horizons.length ? sentence(metric.why) : "");
    const tops = ["0.5", "0.9", "0.98"].filter((label) => typeof metric.maximum[label] === "number");
    const said = tops.map((label) => `${quantity(metric.maximum[label], metric.unit)} (P${Math.round(Number(label) * 100)})`);
    say(p.maximum, metric.horizons.length
      ? (said.length ? `Maximum over the lead time: ${said.join(", ")}.` : "")
      : `No forecast yet: ${number(metric.points)} of ${number(metric.needed)} points.`);
  }

  #draw() {
    const report = this.#report;
    if (!report) return;
    const names = report.metrics.map((m) => m.name);
    if (!names.includes(this.#metric)) this.#metric = (report.metrics.find((m) => m.drives) ?? report.metrics[0])?.name ?? null;
    this.#parts.metricChoice.hidden = names.length < 2;
    this.#parts.horizonCard.hidden = this.#parts.metricCard.hidden = names.length === 0;
    this.#chooseMetric(names.map((name) => [name, name]), this.#metric);
    this.#chooseRange(RANGES, this.#range);
    const metric = report.metrics.find((m) => m.name === this.#metric);
    if (metric) this.#horizons(metric);
    say(this.#parts.demandName, metric ? `Demand, ${metric.name}${metric.unit === "cores" ? " in cores" : ""}` : "Demand");
    const past = this.#history?.metrics.find((m) => m.name === this.#metric);
    if (!past) {
      this.#keys.missing(this.#history !== null);
      return;
    }
    const data = drawn(this.#history, past, this.range);
    const { demandPlot, replicaPlot, scorePlot } = this.#parts;
    this.#charts ??= new Charts(demandPlot, replicaPlot, scorePlot, (index) => this.#keys.at(index));
    this.#charts.show(data);
    this.#keys.show(data, `${this.#metric} of ${keyOf(report)}`);
  }
}
