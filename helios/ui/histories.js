// From a history as the API gives it to what the charts draw: one time axis for past and future, gaps as null.

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** The index of the last known value, or -1. */
export function lastKnown(values) {
  for (let i = values.length - 1; i >= 0; i -= 1) if (known(values[i])) return i;
  return -1;
}

/** Stretches in which `flags` held, as [[from, to], …] in seconds. */
function stretchesOf(times, flags, step) {
  const stretches = [];
  flags.forEach((flag, i) => {
    if (!flag) return;
    const last = stretches.at(-1);
    if (last && times[i] - last[1] <= step) last[1] = times[i];
    else stretches.push([times[i] - step / 2, times[i]]);
  });
  return stretches.map(([from, to]) => [from, to + step / 2]);
}

/**
 * The charts' data for one metric of a history, over the last `range` seconds.
 * @returns {{demand: Array, replicas: Array, scores: Array, unit: string, now: number|null, stretches: Array, ahead: number, past: number}}
 */
export function drawn(history, metric, range) {
  const end = history.times.at(-1) ?? null;
  const first = end === null ? 0 : history.times.findIndex((time) => time >= end - range);
  const times = history.times.slice(first);
  const past = (values) => values.slice(first);
  // The future takes at most half as much room as the past that was asked for.
  const ahead = metric.future_times.map((time, i) => [time, i])
    .filter(([time]) => end === null || (time > end && time <= end + range / 2));
  const blank = ahead.map(() => null);
  const none = times.map(() => null);
  const future = (values) => [...none, ...ahead.map(([, i]) => values[i])];
  const x = [...times, ...ahead.map(([time]) => time)];
  const actual = past(metric.demand);
  const [low, median, high] = [future(metric.future_lower), future(metric.future_median), future(metric.future_upper)];
  // The fan opens at the last observation, which is known, unless it is long past.
  const from = lastKnown(actual);
  if (from >= 0 && ahead.length && ahead[0][0] - times[from] <= 2.5 * history.step) {
    low[from] = median[from] = high[from] = actual[from];
    for (let i = from + 1; i < times.length; i += 1) low[i] = median[i] = high[i] = undefined;
  }
  const flags = past(history.anomaly_detected);
  const score = past(history.anomaly_score);
  const onsets = new Set(history.anomaly_onsets);
  const marked = times.map((time, i) => (onsets.has(time) ? (score[i] ?? history.anomaly_threshold) : null));
  const both = (values) => [...past(values), ...blank];
  return {
    demand: [
      x, both(metric.predicted_lower), both(metric.predicted_upper), both(metric.predicted),
      low, high, median, [...actual, ...blank], [...actual.map((value, i) => (flags[i] ? value : null)), ...blank],
    ],
    replicas: [x, both(history.current_replicas), both(history.recommended_replicas)],
    scores: [x, [...score, ...blank], x.map(() => history.anomaly_threshold), [...marked, ...blank]],
    unit: metric.unit,
    now: end,
    stretches: stretchesOf(times, flags, history.step),
    ahead: metric.ahead_seconds,
    past: times.length,
  };
}
