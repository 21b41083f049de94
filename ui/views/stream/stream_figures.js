/**
 * The figures of a stream: counts, charts, and why its messages wait.
 *
 * @module
 */

import { Chart } from "../../parts/charts/chart.js";
import { el, setText } from "../../parts/element.js";
import { bytes, count, NONE, rate, short, span } from "../../parts/format.js";
import { Points } from "../../parts/live.js";
import { showStreamReasons } from "./stream_reasons.js";

/** @typedef {import("./stream.js").StreamView} StreamView */

const SPAN_MS = 5 * 60_000;

/** @type {[label: string, read: (stream: any) => string][]} */
const TILES = [
  ["Published/s", ({ rates }) => rate(rates?.published)],
  ["Acknowledged/s", ({ rates }) => rate(rates?.acknowledged)],
  ["Ready", ({ ready }) => count(ready)],
  ["Pending", ({ pending }) => count(pending)],
  ["Delayed", ({ delayed }) => count(delayed)],
  ["Parked by keys", ({ parked }) => count(parked)],
  ["Oldest ready", ({ oldestReadyMs }) => span(oldestReadyMs)],
  ["Followers", ({ followers }) => count(followers)],
  ["Size", (stream) => bytes(stream.bytes)],
  ["Next id", ({ nextId }) => count(nextId)],
];

/** @type {[label: string, read: (totals: any) => number | undefined][]} */
const TOTALS = [
  ["Published", ({ published }) => published],
  ["Delivered", ({ delivered }) => delivered],
  ["Acknowledged", ({ acknowledged }) => acknowledged],
  ["Delivered again", ({ redelivered }) => redelivered],
  ["Failed by a handler", ({ returned }) => returned?.nack],
  ["Not acknowledged in time", ({ returned }) => returned?.timeout],
  ["Lost with their follower", ({ returned }) => returned?.lost],
  ["Dead: rejected", ({ dead }) => dead?.rejected],
  ["Dead: delivered too often", ({ dead }) => dead?.maxDeliveries],
  ["Dead: expired", ({ dead }) => dead?.expired],
  ["Expired", ({ expired }) => expired],
  ["Dropped", ({ dropped }) => dropped],
];

/** @param {StreamView} view */
export function showStreamFigures(view) {
  const { page, stream, listen } = view;
  const values = TILES.map(() => el("dd", {}, NONE));
  const tiles = TILES.map(([label], index) =>
    el("div", { class: "tile" }, el("dt", {}, label), values[index])
  );
  const totals = TOTALS.map(() => el("dd", {}, NONE));
  const points = new Points();
  points.read(stream.history);
  const charts = makeCharts();
  page.signal.addEventListener("abort", () => charts.forEach((chart) => chart.close()));
  listen((now) => {
    for (const [index, [, read]] of TILES.entries()) setText(values[index], read(now));
    for (const [index, [, read]] of TOTALS.entries()) {
      setText(totals[index], count(read(now.totals)));
    }
    points.read(now.history);
    for (const chart of charts) chart.draw(points.list, SPAN_MS);
  });
  const sums = TOTALS.map(([label], index) => el("div", {}, el("dt", {}, label), totals[index]));
  return el(
    "div",
    { class: "stack" },
    showStreamReasons(view),
    el("dl", { class: "tiles" }, tiles),
    el(
      "section",
      { class: "charts", "aria-label": "Charts" },
      el("h2", { class: "unseen" }, "Charts"),
      charts.map(({ element }) => element),
    ),
    el(
      "section",
      {},
      el("h2", {}, "Since the broker started"),
      el("dl", { class: "sums" }, sums),
    ),
  );
}

function makeCharts() {
  return [
    new Chart({
      title: "Messages in and out",
      unit: "messages/s",
      isWide: true,
      series: ["published", "acknowledged", "delivered"].map((name) => ({ name, label: name })),
      format: rate,
      axis: short,
    }),
    ...["ready", "pending"].map((name) =>
      new Chart({
        title: name === "ready" ? "Ready" : "Pending",
        unit: "messages",
        series: [{ name, label: name }],
        format: count,
        axis: short,
      })
    ),
  ];
}
