/**
 * The overview: figures of the whole broker, charts, what needs somebody's attention, the fullest streams.
 *
 * @module
 */

import { ask, query } from "../parts/api.js";
import { Chart } from "../parts/charts/chart.js";
import { el, fill, setText } from "../parts/element.js";
import { bytes, count, counted, latency, NONE, rate, short, span, time } from "../parts/format.js";
import { segments } from "../parts/form.js";
import { findTicks } from "../parts/charts/scale.js";
import { Points } from "../parts/live.js";
import { address, link } from "../parts/page.js";
import { Table } from "../parts/lists/table.js";
import { stateBadges } from "./stream_states.js";

/** @typedef {import("../parts/page.js").Page} Page */

const FULLEST = query({ kind: "streams", sort: "ready", order: "desc", limit: 8 });

/** Streams whose messages do not move; those whose first message has waited longest. */
const STUCK = query({ kind: "stuck", sort: "oldestReadyMs", order: "desc", limit: 8 });

/** Without points for so long, charts have a gap, in milliseconds. */
const GAP_MS = 3500;

/** The broker is asked for its streams so often, in milliseconds. */
const STREAMS_MS = 3000;

/** @param {Page} page */
export function showOverview(page) {
  const tiles = new Tiles();
  const points = new Points();
  const charts = makeCharts();
  const problems = el("div", { class: "problems", role: "status" });
  const stuck = new StuckStreams();
  const facts = el("dl", { class: "facts" });
  const choices =
    /** @type {[string, string][]} */ ([["1", "1 min"], ["5", "5 min"], ["10", "10 min"]]);
  const draw = () =>
    charts.forEach((chart) => chart.draw(points.list, Number(minutes.read()) * 60_000));
  const minutes = segments(
    "Time of the charts",
    choices,
    page.params.get("minutes") ?? "5",
    (chosen) => {
      page.keep({ minutes: chosen });
      draw();
    },
  );
  const fullest = streamsTable(page);
  page.show(
    "Overview",
    [minutes.element],
    problems,
    stuck.element,
    tiles.element,
    el(
      "section",
      { class: "charts", "aria-label": "Charts" },
      el("h2", { class: "unseen" }, "Charts"),
      charts.map(({ element }) => element),
    ),
    el(
      "div",
      { class: "columns" },
      el("section", {}, el("h2", {}, "Fullest streams"), fullest.element),
      el("section", {}, el("h2", {}, "Broker"), facts),
    ),
  );
  page.signal.addEventListener("abort", () => charts.forEach((chart) => chart.close()));
  page.every(STREAMS_MS, async () => {
    stuck.show(await ask("GET", `/api/streams${STUCK}`, { signal: page.signal }));
    fullest.show((await ask("GET", `/api/streams${FULLEST}`, { signal: page.signal })).streams);
  });
  const refresh = page.every(60_000, async () => {
    const overview = await ask("GET", "/api/overview", { signal: page.signal });
    if (overview.history !== null) points.read(overview.history);
    for (const chart of charts.slice(3)) chart.element.hidden = overview.scope !== "broker";
    tiles.show(overview.totals);
    showFacts(facts, overview.broker, overview.now);
    showProblems(problems, overview.problems, overview.totals, overview.clusterProblems);
    draw();
  });
  page.listen(({ at, point, totals, problems: found, clusterProblems }) => {
    // Without the lease the broker tells of no streams.
    if (totals === null) return;
    // After a gap, as when the tab was not seen, the broker's history has what is missing.
    if (at - (points.list.at(-1)?.at ?? at) > GAP_MS) void refresh();
    points.add(point ?? { at, ...totals.rates, ready: totals.ready, pending: totals.pending });
    tiles.show(totals);
    showProblems(problems, found, totals, clusterProblems);
    draw();
  });
}

/** The streams whose messages do not move: the reason is one click away. */
class StuckStreams {
  constructor() {
    this.table = new Table({
      caption: "Stuck streams",
      key: ({ name }) => name,
      columns: [
        { label: "Stream", class: "name", node: stuckLink },
        {
          label: "Why",
          node: ({ states }) => el("span", { class: "badges" }, stateBadges(states)),
          stamp: ({ states }) => states.join(),
        },
        { label: "Ready", isNumber: true, text: ({ ready }) => count(ready) },
        { label: "Oldest", isNumber: true, text: ({ oldestReadyMs }) => span(oldestReadyMs) },
      ],
    });
    this.more = el("p", { class: "quiet" });
    this.element = el(
      "section",
      { class: "stuck", hidden: true },
      el("h2", {}, "Stuck streams"),
      this.table.element,
      this.more,
    );
  }

  /** @param {any} answer */
  show({ streams, matched }) {
    this.element.hidden = matched === 0;
    this.table.show(streams);
    const text = matched > streams.length ? `All ${counted(matched, "stuck stream")}` : "";
    if (this.more.textContent === text) return;
    const to = address(["streams"], new URLSearchParams({ kind: "stuck" }));
    fill(this.more, text === "" ? null : el("a", { href: to }, text));
  }
}

/** @param {any} row */
function stuckLink({ name, isDead }) {
  return link(["streams", name, ...(isDead ? ["messages"] : [])], name);
}

function makeCharts() {
  return [
    new Chart({
      title: "Messages in and out",
      unit: "messages/s",
      isWide: true,
      series: [{ name: "published", label: "published" }, {
        name: "acknowledged",
        label: "acknowledged",
      }, {
        name: "delivered",
        label: "delivered",
      }],
      format: rate,
      axis: short,
    }),
    new Chart({
      title: "Ready",
      unit: "messages",
      series: [{ name: "ready", label: "ready" }],
      format: count,
      axis: short,
    }),
    new Chart({
      title: "Pending",
      unit: "messages",
      series: [{ name: "pending", label: "pending" }],
      format: count,
      axis: short,
    }),
    new Chart({
      title: "Confirm latency",
      unit: "ms",
      series: [{ name: "confirmP50", label: "median" }, { name: "confirmP99", label: "99 %" }],
      format: latency,
      axis: short,
      ticks: (largest) => findTicks(largest, 0.5),
    }),
    new Chart({
      title: "Flush time",
      unit: "ms",
      series: [{ name: "flushP99", label: "99 %" }],
      format: latency,
      axis: short,
      ticks: (largest) => findTicks(largest, 0.5),
    }),
  ];
}

/** @type {[label: string, read: (totals: any) => string, path?: string, isWarning?: (totals: any) => boolean, note?: (totals: any) => string][]} */
const TILES = [
  ["Published/s", ({ rates }) => rate(rates?.published)],
  ["Acknowledged/s", ({ rates }) => rate(rates?.acknowledged)],
  [
    "Streams",
    ({ streams }) => count(streams),
    "streams",
    undefined,
    ({ deadStreams }) => deadStreams > 0 ? `${count(deadStreams)} of dead letters` : "",
  ],
  ["Ready", ({ ready }) => count(ready)],
  ["Pending", ({ pending }) => count(pending)],
  ["Delayed", ({ delayed }) => count(delayed)],
  ["Oldest ready", ({ oldestReadyMs }) => span(oldestReadyMs)],
  [
    "Dead letters",
    ({ deadLetters }) => count(deadLetters),
    "dead",
    ({ deadLetters }) => deadLetters > 0,
  ],
  ["Followers", ({ followers }) => count(followers)],
  ["Connections", ({ connections }) => count(connections), "connections"],
  [
    "Bodies in memory",
    ({ memoryBytes }) => bytes(memoryBytes),
    undefined,
    ({ memoryBytes, memoryLimit }) => memoryBytes > 0.9 * memoryLimit,
  ],
  [
    "Disk free",
    ({ diskFreeBytes }) => bytes(diskFreeBytes),
    undefined,
    ({ diskFreeBytes }) => diskFreeBytes < 1024 ** 3,
  ],
];

/** The figures above the charts. */
class Tiles {
  constructor() {
    this.values = TILES.map(() => el("dd", {}, NONE));
    this.notes = TILES.map(() => el("dd", { class: "note", hidden: true }));
    this.tiles = TILES.map(([label, , path], index) =>
      el(
        "div",
        { class: "tile" },
        el("dt", {}, path === undefined ? label : link([path], label)),
        this.values[index],
        this.notes[index],
      )
    );
    this.element = el("dl", { class: "tiles" }, this.tiles);
  }

  /** @param {any} totals */
  show(totals) {
    for (const [index, [, read, , isWarning, note]] of TILES.entries()) {
      const text = read(totals);
      setText(this.values[index], text);
      setText(this.notes[index], note?.(totals) ?? "");
      this.notes[index].hidden = this.notes[index].textContent === "";
      this.tiles[index].hidden = text === NONE && index > 8;
      this.tiles[index].classList.toggle("is-warning", isWarning?.(totals) ?? false);
    }
  }
}

/** @param {Page} page */
function streamsTable(page) {
  const first = page.session.may.create
    ? el("p", {}, link(["streams"], "Create the first stream"), ", or let a program do it.")
    : el("p", {}, "Streams appear here when a program creates them.");
  return new Table({
    caption: "Streams with the most ready messages",
    key: ({ name }) => name,
    empty: el("div", {}, el("p", {}, "There is no stream yet."), first),
    columns: [
      { label: "Stream", class: "name", node: ({ name }) => link(["streams", name], name) },
      { label: "Ready", isNumber: true, text: ({ ready }) => count(ready) },
      { label: "Pending", isNumber: true, text: ({ pending }) => count(pending) },
      {
        label: "Oldest",
        isNumber: true,
        isExtra: true,
        text: ({ oldestReadyMs }) => span(oldestReadyMs),
      },
      { label: "In/s", isNumber: true, text: ({ rates }) => rate(rates?.published) },
      { label: "Out/s", isNumber: true, text: ({ rates }) => rate(rates?.acknowledged) },
    ],
  });
}

/**
 * @param {Element} list
 * @param {any} broker
 * @param {number} now
 */
function showFacts(list, broker, now) {
  /** @type {[string, string | undefined][]} */
  const facts = [
    ["Version", broker.version],
    ["Engine", `${broker.engine}, ${broker.durability}`],
    ["Running for", `${span(now - broker.startedAt)}, since ${time(broker.startedAt)}`],
    ["Address", broker.address],
    ["This page", broker.httpAddress],
    ["TLS", broker.tls === undefined ? undefined : broker.tls ? "on" : "off"],
    ["Users", broker.hasUsers ? "needed" : "none: everybody on this machine may do everything"],
    ["Log level", broker.logLevel],
    ["Deno", broker.deno],
  ];
  fill(
    list,
    facts.flatMap(([label, value]) =>
      value === undefined ? [] : [el("dt", {}, label), el("dd", {}, value)]
    ),
  );
}

/**
 * @param {Element} box
 * @param {string[]} found
 * @param {any} totals
 * @param {number} [clusterProblems]
 */
function showProblems(box, found, totals, clusterProblems = 0) {
  const text = JSON.stringify([found, totals.deadLetters > 0, clusterProblems]);
  if (box.getAttribute("data-shown") === text) return;
  box.setAttribute("data-shown", text);
  const dead = totals.deadLetters > 0
    ? el(
      "p",
      { class: "hint" },
      link(["dead"], "There are dead letters"),
      ": messages that failed too often or were rejected.",
    )
    : null;
  const cluster = clusterProblems > 0
    ? el(
      "p",
      { class: "hint" },
      link(["cluster"], "The cluster"),
      ` has ${counted(clusterProblems, "problem")} to look at.`,
    )
    : null;
  fill(box, found.map((problem) => el("p", { class: "problem" }, problem)), cluster, dead);
}
