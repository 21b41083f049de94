/**
 * Scales of charts, and points thinned out to what a screen can show.
 *
 * @module
 */

/** @typedef {import("../live.js").Point} Point */

/** The most points of a path. */
export const PATH_POINTS_MAX = 300;

/**
 * Round values from zero to at least the largest one.
 *
 * @param {number} largest
 * @param {number} [least] The least end of the scale.
 */
export function findTicks(largest, least = 3) {
  const top = Math.max(largest, least);
  const rough = top / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ??
    rough;
  const ticks = [];
  for (let index = 0; index === 0 || ticks[index - 1] < top; index += 1) ticks.push(index * step);
  return ticks;
}

/**
 * Round sizes in bytes, as {@linkcode findTicks}.
 *
 * @param {number} largest
 */
export function findByteTicks(largest) {
  const unit = 1024 ** Math.floor(Math.log(Math.max(largest, 1)) / Math.log(1024));
  return findTicks(largest / unit, 1).map((tick) => tick * unit);
}

/** Spans between the times below a chart, in seconds. */
const TIME_STEPS = [5, 10, 15, 30, 60, 120, 180, 300, 600];

/**
 * Round times within a span.
 *
 * @param {number} from
 * @param {number} until
 * @param {number} countMax
 */
export function findTimes(from, until, countMax) {
  const step = 1000 *
    (TIME_STEPS.find((seconds) => (until - from) / 1000 / seconds <= countMax) ?? 600);
  const times = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) times.push(at);
  return times;
}

/**
 * Thins out points: of neighbours the one with the largest value stays, so that no peak is lost.
 *
 * @param {readonly Point[]} points
 * @param {string} name
 */
export function thin(points, name) {
  const size = Math.ceil(points.length / PATH_POINTS_MAX);
  if (size <= 1) return points;
  const kept = [];
  for (let start = 0; start < points.length; start += size) {
    const group = points.slice(start, start + size);
    kept.push(group.reduce((one, other) => (other[name] ?? -1) > (one[name] ?? -1) ? other : one));
  }
  return kept;
}
