// The anomaly of one target: a banner while there is one, and a card with its score against its threshold, what Helios
// does about it, whether it raises an alarm, and how far the score's calibration has come.

import { colourOf, wordOf } from "./columns.js";
import { fill, keep, make, mark, say } from "./elements.js";
import { fixed, moment, number, percent, quantity, UNKNOWN } from "./formats.js";

const LATELY = 3600e3; // so long the banner still tells of one that is over, ms

/** 0.217 -> "0.22", 1 -> "1": how many alarms a week. */
const rate = (value) => (value >= 0.995 ? number(Math.round(value * 10) / 10) : String(Number(value.toPrecision(2))));

export class Anomaly {
  #parts;

  constructor(parts) {
    this.#parts = parts;
  }

  /** The latest word on the open target. */
  show({ anomaly, scored_at: now }) {
    this.#banner(anomaly, now);
    this.#lead(anomaly);
    this.#facts(anomaly);
    this.#effects(anomaly);
    this.#calibration(anomaly);
    this.#shares(anomaly);
  }

  #banner(anomaly, now) {
    const { finding } = this.#parts;
    const lately = anomaly.last_until !== null && Date.parse(now) - Date.parse(anomaly.last_until) <= LATELY;
    finding.hidden = !anomaly.detected && !lately;
    mark(finding, "data-severity", anomaly.detected ? colourOf(anomaly) : "none");
    const [sign, words] = keep(finding, 2, () => make("span"));
    mark(sign, "aria-hidden", "true");
    say(sign, anomaly.detected ? wordOf(anomaly)[0] : "○");
    say(words, anomaly.detected ? anomaly.text : lately ? `It is over. ${anomaly.last_text}` : "");
  }

  #lead(anomaly) {
    const p = this.#parts;
    const known = anomaly.score !== null;
    say(p.severity, wordOf(anomaly));
    mark(p.severity, "data-severity", colourOf(anomaly));
    const kind = anomaly.detected && anomaly.kind !== "none" ? `, ${anomaly.kind}` : "";
    const since = anomaly.detected && anomaly.since ? ` since ${moment(anomaly.since)}` : "";
    say(p.anomaly, known ? `${fixed(anomaly.score, 1)} σ${kind}${since}` : anomaly.calibrated ? "no score" : "");
    say(p.anomalyText, anomaly.detected ? "" : anomaly.text);
    say(p.lastAnomaly, anomaly.last_text ? `The last one: ${anomaly.last_text}` : "");
  }

  #facts(anomaly) {
    const p = this.#parts;
    const seen = anomaly.detected && anomaly.metric !== null;
    const [metric, unit] = [anomaly.metric ?? "", anomaly.unit ?? "1"];
    const alarms = `${rate(anomaly.alarms_per_week)} a week`;
    fill(p.anomalyFacts, [
      ...(seen ? [[`${metric}, came`, quantity(anomaly.came, unit)], [`${metric}, expected`, quantity(anomaly.expected, unit)]] : []),
      ...(anomaly.detected ? [["Score at its worst", anomaly.peak === null ? UNKNOWN : `${fixed(anomaly.peak, 1)} σ`]] : []),
      ["Threshold", `${String(Number(anomaly.threshold.toPrecision(3)))} σ, about ${alarms}`],
      ["Alarms so far", number(anomaly.alarms)],
      ...(anomaly.muted_until ? [["Muted until", moment(anomaly.muted_until)]] : []),
    ]);
  }

  #effects(anomaly) {
    const items = keep(this.#parts.effects, anomaly.effects.length, () => make("li"));
    anomaly.effects.forEach((words, i) => say(items[i], words[0].toUpperCase() + words.slice(1)));
  }

  #calibration(anomaly) {
    const { calibration } = this.#parts;
    calibration.hidden = anomaly.calibrated;
    const [bar, words] = [calibration.children[0], calibration.children[1]];
    const share = anomaly.needed > 0 ? Math.min(1, anomaly.points / anomaly.needed) : 1;
    bar.firstElementChild.style.width = `${share * 100}%`;
    say(words, `${number(anomaly.points)} of ${number(anomaly.needed)} points`);
  }

  #shares(anomaly) {
    const { contributions } = this.#parts;
    mark(contributions, "data-severity", colourOf(anomaly));
    const bars = keep(contributions, anomaly.contributions.length, () =>
      make("li", "", make("span", "bar-name"), make("span", "bar", make("i")), make("span", "number")));
    anomaly.contributions.forEach(({ feature, contribution }, i) => {
      const [name, bar, share] = bars[i].children;
      say(name, feature);
      bar.firstElementChild.style.width = `${Math.max(0, Math.min(1, contribution)) * 100}%`;
      say(share, percent(contribution));
    });
  }
}
