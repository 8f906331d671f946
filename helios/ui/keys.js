// The charts' keys: what each line is, and its value under the cursor or else its latest. Their words are
// also what a screen reader is told of a chart.

import { SCORES, SERIES } from "./charts.js";
import { keep, make, mark, say } from "./elements.js";
import { banded, dayAndMinuteOf, duration, fixed, minuteOf, number, quantity, UNKNOWN } from "./formats.js";
import { lastKnown } from "./histories.js";

const at = (values, index) => (index === null || index < 0 ? null : (values[index] ?? null));

export class Keys {
  #parts;
  #data = null;
  #name = "";
  #index = null;

  constructor(parts) {
    this.#parts = parts;
  }

  /** New data; the words follow. */
  show(data, name) {
    this.#data = data;
    this.#name = name;
    if (this.#index !== null && this.#index >= data.demand[0].length) this.#index = null;
    const empty = lastKnown(data.demand[SERIES.actual]) < 0;
    this.#hide(empty ? "nothing" : null);
    this.note(empty ? "No history yet: the first points come with the next cycles." : "");
    this.#words();
    this.#describe();
  }

  /** Where the cursor is, an index into the data or null. */
  at(index) {
    this.#index = index ?? null;
    if (this.#data) this.#words();
  }

  /** A sentence in the chart's place, or none. */
  note(words) {
    say(this.#parts.demandNote, words);
  }

  /** There is nothing to draw: still loading, or this metric has no past. */
  missing(loaded) {
    this.#hide(loaded ? "nothing" : "loading");
    if (!this.#parts.demandNote.textContent || loaded) this.note(loaded ? "No history of this metric yet." : "Loading history");
  }

  #hide(empty) {
    mark(this.#parts.demand, "data-empty", empty);
    mark(this.#parts.replicas, "data-empty", empty);
    mark(this.#parts.scores, "data-empty", empty);
  }

  #words() {
    const { demand, replicas, scores, unit, ahead, past } = this.#data;
    const actual = demand[SERIES.actual];
    const latest = lastKnown(actual);
    const i = this.#index ?? latest;
    const inFuture = i >= past;
    const end = demand[0].length - 1;
    const f = inFuture ? i : end > past - 1 ? end : -1;
    const q = (series, index) => quantity(at(demand[series], index), unit);
    const band = (low, median, high, index) =>
      banded(at(demand[low], index), at(demand[median], index), at(demand[high], index), unit);
    const when = this.#index === null ? "Latest" : dayAndMinuteOf(demand[0][i]);
    say(this.#parts.demandWhen, when);
    say(this.#parts.replicaWhen, when);
    say(this.#parts.scoreWhen, when);
    this.#fill(this.#parts.demandKeys, [
      ["actual", "Actual", inFuture ? UNKNOWN : q(SERIES.actual, i)],
      ["then", `Forecast ${duration(ahead)} before`, inFuture ? UNKNOWN
        : band(SERIES.thenLow, SERIES.then, SERIES.thenHigh, i)],
      ["helios", f >= 0 ? `Forecast for ${minuteOf(demand[0][f])}` : "Forecast",
        band(SERIES.low, SERIES.median, SERIES.high, f)],
      ["alarm", "Anomaly", inFuture ? UNKNOWN : this.#score(at(scores[SCORES.score], i))],
    ]);
    const r = this.#index ?? Math.max(lastKnown(replicas[1]), lastKnown(replicas[2]));
    this.#fill(this.#parts.replicaKeys, [
      ["actual", "Running", number(at(replicas[1], r))],
      ["helios", "Recommended", number(at(replicas[2], r))],
    ]);
    const begun = scores[SCORES.onset].filter((value) => value !== null).length;
    this.#fill(this.#parts.scoreKeys, [
      ["score", "Score", inFuture ? UNKNOWN : this.#score(at(scores[SCORES.score], i))],
      ["threshold", "Threshold", this.#score(at(scores[SCORES.threshold], 0))],
      ["alarm", "Began in this time", number(begun)],
    ]);
  }

  #score(score) {
    return score === null ? UNKNOWN : `${fixed(score, 1)} σ`;
  }

  #fill(box, entries) {
    const keys = keep(box, entries.length, () => make("span", "key", make("i"), make("span", "key-name"), make("b")));
    entries.forEach(([colour, name, value], i) => {
      const [sign, label, words] = keys[i].children;
      mark(keys[i], "data-key", colour);
      mark(sign, "aria-hidden", "true");
      say(label, name);
      say(words, value);
    });
  }

  #describe() {
    const { demand, replicas, scores, unit } = this.#data;
    const end = demand[0].length - 1;
    const latest = lastKnown(demand[SERIES.actual]);
    const forecast = at(demand[SERIES.median], end);
    const ahead = forecast === null ? "no forecast"
      : `forecast ${quantity(forecast, unit)} for ${dayAndMinuteOf(demand[0][end])}`;
    mark(this.#parts.demandPlot, "aria-label",
      `Demand, ${this.#name}: latest ${quantity(at(demand[SERIES.actual], latest), unit)}, ${ahead}`);
    const [now, then] = [replicas[1], replicas[2]].map((values) => number(at(values, lastKnown(values))));
    mark(this.#parts.replicaPlot, "aria-label", `Replicas: ${now} running, ${then} recommended`);
    const score = scores[SCORES.score];
    mark(this.#parts.scorePlot, "aria-label",
      `Anomaly score: ${this.#score(at(score, lastKnown(score)))}, threshold ${this.#score(at(scores[SCORES.threshold], 0))}`);
  }
}
