// Numbers, units and times in words. Unknown is an em dash, never zero.

export const UNKNOWN = "—";
const MINUS = "\u2212";
const THIN = "\u202f";
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T"];

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** Three significant digits, thousands separated: 1,234 · 12.3 · 18.0 · 0.352; a count stays a count. */
export function number(value) {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  const text = size >= 100 || Number.isInteger(value)
    ? Math.round(size).toLocaleString("en")
    : size.toLocaleString("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
  return (value < 0 && text !== "0" ? MINUS : "") + text;
}

/** A tick of an axis: no more digits than it needs. */
export const tick = (value) => value.toLocaleString("en", { maximumSignificantDigits: 6 });

/** A count or a fixed number of decimals, with its sign where `signed`. */
export function fixed(value, digits, signed = false) {
  if (!known(value)) return UNKNOWN;
  const text = Math.abs(value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (value < 0 && Number(text.replaceAll(",", "")) !== 0) return MINUS + text;
  return (signed && value > 0 ? "+" : "") + text;
}

/** 0.853 -> "85 %". */
export function percent(value, { digits = 0, signed = false } = {}) {
  return known(value) ? `${fixed(value * 100, digits, signed)}${THIN}%` : UNKNOWN;
}

/** The factor and the name in which values up to `top` of `unit` read well: {divisor, name}. */
export function scaleOf(top, unit) {
  const size = Math.abs(top) || 0;
  if (unit === "bytes") {
    const power = Math.min(Math.max(Math.floor(Math.log2(size || 1) / 10), 0), BINARY.length - 1);
    return { divisor: 1024 ** power, name: BINARY[power] };
  }
  if (unit === "cores") return { divisor: 1, name: size > 0.995 && size < 1.005 ? "core" : "cores" };
  const power = Math.min(Math.max(Math.floor(Math.log10(size || 1) / 3), 0), DECIMAL.length - 1);
  return { divisor: 1000 ** power, name: DECIMAL[power] };
}

/** A value in its unit: "3.41 cores", "512 MiB", "1.2 k". */
export function quantity(value, unit) {
  if (!known(value)) return UNKNOWN;
  const { divisor, name } = scaleOf(value, unit);
  return name ? `${number(value / divisor)}\u00a0${name}` : number(value);
}

/** "3.50 (3.10–3.90) GiB": a median in its band, one unit for all three; cores go without saying. */
export function banded(low, median, high, unit) {
  if (!known(low) || !known(high)) return quantity(median, unit);
  const { divisor, name } = scaleOf(high, unit);
  const band = `${number(median / divisor)} (${number(low / divisor)}–${number(high / divisor)})`;
  return name && unit !== "cores" ? `${band}\u00a0${name}` : band;
}

/** 90 -> "90 s", 300 -> "5 min", 604800 -> "7 d". */
export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  for (const [length, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * length || (seconds >= length && seconds % length === 0)) {
      return `${tick(Math.round((seconds / length) * 10) / 10)}\u00a0${name}`;
    }
  }
  return `${number(Math.round(seconds))}\u00a0s`;
}

const style = (options) => new Intl.DateTimeFormat(undefined, { hourCycle: "h23", ...options });
const TIME = style({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = style({ hour: "2-digit", minute: "2-digit" });
const DAY = style({ weekday: "short", day: "numeric", month: "short" });
const DATED = style({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const FULL = style({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** A moment of today as a time, any other with its date; takes ISO 8601 or a Date. */
export function moment(when) {
  const date = new Date(when ?? NaN);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toDateString() === new Date().toDateString() ? TIME.format(date) : DATED.format(date);
}

export const minuteOf = (seconds) => MINUTE.format(seconds * 1000);
export const dayOf = (seconds) => DAY.format(seconds * 1000);
export const dayAndMinuteOf = (seconds) => FULL.format(seconds * 1000);

/** +1 up, -1 down, 0 steady, null unknown: from what runs to what is recommended. */
export function changeOf(report) {
  const { current_replicas: now, recommended_replicas: then } = report;
  return now === null || then === null ? null : then - now;
}
