/**
 * The lanes of a stream: whose messages wait, what holds them back, and what was set for them.
 *
 * @module
 */

import { apiPath, ask, query } from "../../parts/api.js";
import { Dialog } from "../../parts/dialog.js";
import { el, fill } from "../../parts/element.js";
import { count, counted, span, time } from "../../parts/format.js";
import { checkbox, field, segments, textInput } from "../../parts/form.js";
import { Table } from "../../parts/lists/table.js";
import { tell } from "../../parts/notices.js";
import { button, link } from "../../parts/page.js";
import { readMeasure, readRate, writeRate } from "./option_fields.js";

/** @typedef {import("./stream.js").StreamView} StreamView */

const REFRESH_MS = 2000;

/** How many lanes are shown. */
const LIMIT = 50;

const ORDERS = /** @type {[string, string][]} */ ([
  ["waiting", "Most waiting"],
  ["pending", "Most pending"],
  ["name", "By name"],
]);

/** @param {StreamView} view */
export function showStreamLanes(view) {
  const { page, name, stream } = view;
  const note = el("p", { class: "quiet", role: "status" });
  const shared = el("p", { class: "quiet" });
  const order = segments("Order of lanes", ORDERS, page.params.get("by") ?? "waiting", (by) => {
    page.keep({ by: by === "waiting" ? undefined : by });
    void refresh();
  });
  const set = (/** @type {any} */ lane) => setLane(name, lane, () => void refresh());
  const table = new Table({
    caption: `Lanes of ${name}`,
    key: (lane) => JSON.stringify(lane.name),
    columns: [...laneColumns(), ...(stream.may.manage ? [setColumn(set)] : [])],
    empty:
      'No lane has messages. A program names one with each message: sendMessage(body, { lane: "acme" })',
  });
  const refresh = page.every(REFRESH_MS, async () => {
    const path = apiPath("streams", name, "lanes") + query({ by: order.read(), limit: LIMIT });
    const answer = await ask("GET", path, { signal: page.signal });
    table.show(answer.lanes);
    const rest = answer.count > answer.lanes.length
      ? `; the first ${count(answer.lanes.length)} are listed`
      : "";
    fill(note, answer.count === 0 ? "" : `${counted(answer.count, "lane")}${rest}`);
    showShared(shared, answer.sharedLimit);
  });
  const add = stream.may.manage
    ? button("Set a lane …", () => set({ name: undefined, settings: {} }))
    : null;
  const bar = el("div", { class: "list-bar" }, order.element, add);
  return el("div", { class: "listing" }, bar, shared, table.element, note);
}

/** @returns {import("../../parts/lists/table.js").Column[]} */
function laneColumns() {
  return [
    {
      label: "Lane",
      class: "name",
      node: ({ name }) =>
        name === null ? el("span", { class: "quiet" }, "without a lane") : String(name),
    },
    { label: "Ready", isNumber: true, text: ({ ready }) => count(ready) },
    {
      label: "Oldest ready",
      isNumber: true,
      isExtra: true,
      text: ({ oldestReadyMs }) => span(oldestReadyMs),
    },
    { label: "Pending", isNumber: true, text: ({ pending }) => count(pending) },
    { label: "Delayed", isNumber: true, isExtra: true, text: ({ delayed }) => count(delayed) },
    { label: "Held back by", isExtra: true, text: sayHeld },
    { label: "Set for it", isExtra: true, text: ({ settings }) => saySettings(settings) },
  ];
}

/**
 * @param {(lane: any) => unknown} set
 * @returns {import("../../parts/lists/table.js").Column}
 */
function setColumn(set) {
  return {
    label: "",
    class: "row-actions",
    stamp: ({ settings }) => JSON.stringify(settings),
    node: (lane) =>
      lane.name === null
        ? null
        : button("Set …", () => set(lane), { "aria-label": `Set lane ${lane.name}` }),
  };
}

/** @param {any} lane */
function sayHeld({ limitedBy = "", limitedUntil }) {
  return limitedUntil === undefined ? limitedBy : `${limitedBy} until ${time(limitedUntil)}`;
}

/** @param {any} settings */
function saySettings({ weight, maxPending, rate, isPaused } = /** @type {any} */ ({})) {
  return [
    weight !== undefined && `weight ${weight}`,
    maxPending !== undefined && `pending ${maxPending ?? "without limit"}`,
    rate !== undefined && `rate ${rate === null ? "without limit" : writeRate(rate)}`,
    isPaused && "paused",
  ].filter(Boolean).join(", ");
}

/**
 * @param {Element} box
 * @param {any} limit The limit that the stream shares with others.
 */
function showShared(box, limit) {
  const stamp = JSON.stringify(limit);
  if (box.getAttribute("data-shown") === stamp) return;
  box.setAttribute("data-shown", stamp);
  if (limit === null) return fill(box);
  const { name, pending, limitedBy, streams } = limit;
  const links = streams.flatMap((/** @type {string} */ stream, /** @type {number} */ index) => [
    index === 0 ? "" : ", ",
    link(["streams", stream], stream),
  ]);
  const state = limitedBy === undefined ? "open" : `closed: ${limitedBy}`;
  fill(
    box,
    `Shared limit “${name}” is ${state}; ${counted(pending, "pending message")} of `,
    links,
    ".",
  );
}

/**
 * Asks for the settings of a lane.
 *
 * @param {string} stream
 * @param {{ name: string | undefined, settings?: any }} lane
 * @param {() => void} onDone
 */
function setLane(stream, { name, settings = {} }, onDone) {
  const lane = textInput({ name: "lane", value: name ?? "", required: true });
  const weight = textInput({ name: "weight", value: settings.weight ?? "" });
  const pending = textInput({ name: "maxPending", value: writeLimit(settings.maxPending, String) });
  const rate = textInput({ name: "rate", value: writeLimit(settings.rate, writeRate) });
  const paused = checkbox("Deliver nothing of it", settings.isPaused ?? false);
  const post = (/** @type {any} */ wished, /** @type {AbortSignal} */ signal) => {
    const body = { lane: name ?? lane.value.trim(), settings: wished };
    return ask("POST", apiPath("streams", stream, "lanes"), { body, signal });
  };
  const send = async (/** @type {any} */ wished, /** @type {AbortSignal} */ signal) => {
    // What is not given stays as it is: a field that is empty now is removed with all others first.
    const isLess = wished !== null && Object.keys(settings).some((key) => !(key in wished));
    if (isLess) await post(null, signal);
    await post(wished, signal);
    const set = name ?? lane.value.trim();
    tell(`Lane "${set}" of "${stream}" is ${wished === null ? "as the others are" : "set"}.`);
    onDone();
  };
  const clear = { label: "Clear", kind: /** @type {const} */ ("usual") };
  return new Dialog({
    title: name === undefined ? `Set a lane of ${stream}` : `Lane ${name} of ${stream}`,
    content: [
      name === undefined ? field("Lane", lane) : null,
      field("Weight", weight, "How many messages it gets for one of others, 1 to 1,000."),
      field("Pending at most", pending, "none: no limit; empty: as the stream's lanes have it."),
      field("Rate of deliveries", rate, "Such as 10 / 1 s; none: no limit; empty: as the others."),
      paused.element,
    ],
    actions: [
      ...(name === undefined
        ? []
        : [{ ...clear, run: (/** @type {AbortSignal} */ signal) => send(null, signal) }]),
      {
        label: "Set",
        run: async (signal) => {
          await send(readSettings(weight, pending, rate, paused.input.checked), signal);
        },
      },
    ],
  });
}

/**
 * @param {any} value
 * @param {(value: any) => string} write
 */
function writeLimit(value, write) {
  return value === undefined ? "" : value === null ? "none" : write(value);
}

/**
 * @param {HTMLInputElement} weight
 * @param {HTMLInputElement} pending
 * @param {HTMLInputElement} rate
 * @param {boolean} isPaused
 */
function readSettings(weight, pending, rate, isPaused) {
  const whole = (/** @type {string} */ text) => readMeasure(text, {});
  const wished = {
    weight: readField("Weight", weight, whole, false),
    maxPending: readField("Pending at most", pending, whole, true),
    rate: readField("Rate of deliveries", rate, readRate, true),
    isPaused,
  };
  return Object.fromEntries(Object.entries(wished).filter(([, value]) => value !== undefined));
}

/**
 * @param {string} label
 * @param {HTMLInputElement} input
 * @param {(text: string) => unknown} read
 * @param {boolean} mayBeNone
 */
function readField(label, input, read, mayBeNone) {
  const text = input.value.trim();
  if (text === "") return undefined;
  if (mayBeNone && /^none$/i.test(text)) return null;
  const value = read(text);
  if (value === undefined) throw new Error(`${label}: ${JSON.stringify(text)} is not allowed`);
  return value;
}
