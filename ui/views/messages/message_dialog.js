/**
 * One message: its properties, headers, body, and the story of a dead letter.
 *
 * @module
 */

import { apiPath, ask } from "../../parts/api.js";
import { bodyView } from "../../parts/body_view.js";
import { Dialog } from "../../parts/dialog.js";
import { el } from "../../parts/element.js";
import { bytes, count, counted, span, time } from "../../parts/format.js";
import { link } from "../../parts/page.js";
import { CAUSE_TEXTS } from "./message_columns.js";
import { sweepIds } from "./sweep_dialog.js";
import { tell } from "../../parts/notices.js";

/** @typedef {import("../../parts/element.js").Child} Child */

/** Fields that have a line of their own, or are shown elsewhere. */
const KNOWN = new Set([
  "id",
  "state",
  "attempts",
  "postponed",
  "lane",
  "storedAt",
  "dueAt",
  "follower",
  "priority",
  "key",
  "dedupId",
  "ttlMs",
  "expiresAt",
  "headers",
  "kind",
  "size",
  "body",
  "isCut",
  "deadLetter",
  "redrives",
]);

/**
 * Shows a message.
 *
 * @param {{ name: string, stream: any, page: import("../../parts/page.js").Page }} view
 * @param {number} id
 */
export async function openMessage({ name, stream, page }, id) {
  const path = apiPath("streams", name, "messages", id);
  const message = await ask("GET", path, { signal: page.signal });
  const { headers, deadLetter, isCut, size } = message;
  const download = el(
    "a",
    { href: `${path}/body`, download: `${name}-${id}` },
    "Download the body",
  );
  const cut = isCut
    ? el("p", { class: "hint" }, `Of ${bytes(size)} only the beginning is shown.`)
    : null;
  const sweep = (/** @type {import("./sweep_dialog.js").Sweep} */ verb) => () =>
    Promise.resolve(void sweepIds(name, verb, [id], tell));
  const actions = !stream.may.manage
    ? []
    : deadLetter === undefined
    ? [{ label: "Cancel …", kind: /** @type {const} */ ("danger"), run: sweep("cancel") }]
    : [
      { label: "Redrive …", kind: /** @type {const} */ ("main"), run: sweep("redrive") },
      { label: "Drop …", kind: /** @type {const} */ ("danger"), run: sweep("drop") },
    ];
  return new Dialog({
    title: `Message ${count(id)} of ${name}`,
    isWide: true,
    cancel: "Close",
    actions,
    content: [
      deadLetter === undefined ? null : story(deadLetter),
      el("dl", { class: "facts" }, rows(propertiesOf(name, message))),
      Object.keys(headers).length === 0 ? null : el("h3", {}, "Headers"),
      el("dl", { class: "facts mono" }, rows(Object.entries(headers))),
      el("h3", {}, "Body"),
      bodyView(message),
      cut,
      el("p", {}, download),
    ],
  });
}

/**
 * @param {string} name The stream.
 * @param {any} message
 * @returns {[string, Child | undefined][]}
 */
function propertiesOf(name, message) {
  const {
    state,
    dueAt,
    follower,
    attempts,
    postponed,
    lane,
    storedAt,
    kind,
    size,
    key,
    priority,
    dedupId,
    ttlMs,
    expiresAt,
    redrives,
  } = message;
  const others = Object.entries(message).filter(([name]) => !KNOWN.has(name));
  return [
    [
      "State",
      state === "delayed"
        ? `delayed until ${time(dueAt)}`
        : follower
        ? el("span", {}, `${state}, with `, link(["streams", name, "followers"], follower))
        : state,
    ],
    ["Stored", storedAt === undefined ? undefined : time(storedAt)],
    ["Delivered", attempts === 0 ? "not yet" : counted(attempts, "time")],
    ["Postponed", postponed === undefined ? undefined : counted(postponed, "time")],
    ["Kind and size", `${kind}, ${bytes(size)}`],
    ["Key", key],
    ["Lane", lane],
    ["Priority", count(priority)],
    ["Dedup id", dedupId],
    ["Time to live", ttlMs === undefined ? undefined : span(ttlMs)],
    ["Expires", expiresAt === undefined ? undefined : time(expiresAt)],
    ["Redriven", redrives === undefined ? undefined : counted(redrives.count, "time")],
    ...others.map((
      [name, value],
    ) => /** @type {[string, string]} */ ([
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ])),
  ];
}

/** @param {any} deadLetter */
function story({ stream, id, attempts, cause, firstAt, lastAt, reasons, follower, redrives }) {
  const who = follower === undefined ? "No follower had it." : `The last follower was ${follower}.`;
  const steps = reasons.map((/** @type {string} */ reason) =>
    el("li", {}, reason === "" ? "(no reason given)" : reason)
  );
  return el(
    "section",
    { class: "story" },
    el("h3", {}, `Dead letter: ${CAUSE_TEXTS[cause] ?? cause}`),
    el(
      "p",
      {},
      "It was message ",
      count(id),
      " of ",
      link(["streams", stream], stream),
      `, delivered ${counted(attempts, "time")}. ${who}`,
    ),
    redrives === undefined ? null : el(
      "p",
      {},
      `It was sent back ${counted(redrives.count, "time")} before: at first it was message `,
      count(redrives.firstId),
      ", which failed at ",
      time(redrives.firstAt),
      ".",
    ),
    el("dl", { class: "facts" }, rows([["First failure", time(firstAt)], ["Died", time(lastAt)]])),
    reasons.length === 0 ? null : el("h4", {}, "What failed, in order"),
    reasons.length === 0 ? null : el("ol", {}, steps),
  );
}

/**
 * @param {[string, any][]} facts
 * @returns {Child[]}
 */
function rows(facts) {
  return facts.flatMap(([label, value]) =>
    value === undefined || value === "" ? [] : [el("dt", {}, label), el("dd", {}, value)]
  );
}
