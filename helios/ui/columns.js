// What the fleet's table shows of a report: its columns, and the filters beside the name.

import { changeOf, fixed, number, UNKNOWN } from "./formats.js";
import { make, mark, say } from "./elements.js";

export const keyOf = (report) => `${report.namespace}/${report.deployment}`;
export const addressOf = (report) =>
  `#/${encodeURIComponent(report.namespace)}/${encodeURIComponent(report.deployment)}`;

/** The skill that the table shows: the worst of the metrics that replicas are decided on. */
export function skillOf(report) {
  const driving = report.metrics.filter((metric) => metric.drives && metric.skill !== null);
  return driving.length ? Math.min(...driving.map((metric) => metric.skill)) : null;
}

/** Worse than persistence by more than rounding. */
export const isWorse = (skill) => skill !== null && skill <= -0.005;

/** Mark for a severity, a shape as well as a colour. */
export const SIGNS = { normal: "○", warning: "▲", critical: "◆" };
export const STATES = {
  "scored": "Scored", "no-data": "No data", "no-request": "No request", "memory-only": "Memory only", "conflict": "Conflict", "expired": "Expired",
};

/** Whether it raises no alarm, however unusual it is. */
export const isQuiet = (anomaly) => anomaly.muted || anomaly.acknowledged;

/** An anomaly in a word or two: "◆ critical", "◇ muted", "○ calibrating". */
export function wordOf(anomaly) {
  if (!anomaly.calibrated) return "○ calibrating";
  if (anomaly.score === null) return "";
  if (anomaly.detected && isQuiet(anomaly)) return anomaly.muted ? "◇ muted" : "◇ seen";
  return `${SIGNS[anomaly.severity] ?? "○"} ${anomaly.severity}`;
}

/** The severity as a colour: none while nothing is known, or where nobody is to be alarmed. */
export const colourOf = (anomaly) => (anomaly.score === null || isQuiet(anomaly) ? "none" : anomaly.severity);

/** "▲ +2", "▼ −3", "hold" or nothing where one of both is not known. */
export function changeWords(change) {
  if (change === null) return "";
  if (change === 0) return "hold";
  return `${change > 0 ? "▲" : "▼"} ${fixed(change, 0, true)}`;
}

export const directionOf = (change) => (change === null ? "none" : ["down", "hold", "up"][Math.sign(change) + 1]);

const twoLines = (cell, first = "", second = "faint") => {
  cell.append(make("span", `line ${first}`), make("span", `line ${second}`));
};

/** Each column: how it sorts, how its cell is built once and filled in place. */
export const COLUMNS = [
  {
    key: "target", name: "Target", sort: (r) => keyOf(r).toLowerCase(),
    build: (cell) => cell.append(make("a", "line strong"), make("span", "line faint", make("span"), make("span", "when-narrow"))),
    fill: ([link, place], r) => {
      say(link, r.deployment);
      mark(link, "href", addressOf(r));
      mark(link, "title", keyOf(r));
      say(place.children[0], r.namespace);
      say(place.children[1], r.state === "scored" ? "" : ` · ${STATES[r.state] ?? r.state}`);
    },
  },
  {
    key: "mode", name: "Mode", sort: (r) => r.mode,
    build: (cell) => cell.append(make("span", "tag")),
    fill: ([tag], r) => say(tag, r.mode),
  },
  {
    key: "replicas", name: "Replicas", hint: "Running → recommended", sort: changeOf, descending: true,
    build: (cell) => {
      cell.append(make("span", "line pair", make("span", "is-actual"), make("span", "arrow", " → "), make("b", "is-helios")));
      cell.append(make("span", "line change"));
    },
    fill: ([pair, words], r) => {
      const change = changeOf(r);
      say(pair.children[0], number(r.current_replicas));
      const nothing = r.current_replicas === null && r.recommended_replicas === null;
      say(pair.children[1], nothing ? "" : " → ");
      say(pair.children[2], nothing ? "" : number(r.recommended_replicas));
      say(words, changeWords(change));
      mark(words, "data-direction", directionOf(change));
    },
  },
  {
    key: "reason", name: "Reason", sort: (r) => (r.problem ?? r.reason).toLowerCase(),
    build: (cell) => cell.append(make("span", "prose")),
    fill: ([prose], r, cell) => {
      const words = r.problem ?? r.reason;
      say(prose, words);
      mark(prose, "title", words);
      mark(cell, "data-problem", r.problem !== null);
    },
  },
  {
    key: "anomaly", name: "Anomaly", hint: "Score in sigmas", sort: (r) => r.anomaly.score, descending: true,
    build: (cell) => twoLines(cell, "number", "severity"),
    fill: ([score, severity], r, cell) => {
      const { anomaly } = r;
      say(score, anomaly.score === null ? UNKNOWN : `${fixed(anomaly.score, 1)} σ`);
      say(severity, wordOf(anomaly));
      mark(severity, "data-severity", colourOf(anomaly));
      mark(cell, "title", anomaly.text || null);
    },
  },
  {
    key: "skill", name: "Skill", hint: "1 − error / error of persistence, out of sample; below zero is worse than persistence",
    sort: skillOf, descending: true,
    build: (cell) => cell.append(make("span", "number")),
    fill: ([text], r) => {
      const skill = skillOf(r);
      say(text, fixed(skill, 2, true));
      mark(text, "data-worse", isWorse(skill));
    },
  },
  {
    key: "model", name: "Model", sort: (r) => r.model,
    build: (cell) => cell.append(make("span", "one")),
    fill: ([text], r) => say(text, r.model || UNKNOWN),
  },
  {
    key: "ledger", name: "Ledger", hint: "Actual against recommended; sorts by replica-hours saved", sort: savingOf,
    build: (cell) => cell.append(make("span", "prose")),
    fill: ([prose], r) => {
      say(prose, r.ledger.line);
      mark(prose, "title", r.ledger.line);
    },
  },
  {
    key: "state", name: "State", sort: (r) => r.state,
    build: (cell) => cell.append(make("span", "state")),
    fill: ([state], r) => {
      say(state, STATES[r.state] ?? r.state);
      mark(state, "data-state", r.state);
    },
  },
];

function savingOf(report) {
  const { replica_hours_actual: actual, replica_hours_recommended: then } = report.ledger;
  return actual > 0 ? then / actual - 1 : null;
}

/** Each filter: its key, its words and which reports it shows. */
export const CHIPS = [
  ["all", "All", () => true],
  ["up", "▲ Scale up", (r) => changeOf(r) > 0],
  ["down", "▼ Scale down", (r) => changeOf(r) < 0],
  ["anomaly", "◆ Anomaly", (r) => r.anomaly.detected],
  ["unscored", "Not scored", (r) => r.state !== "scored"],
];
