/**
 * The list of streams: searched, sorted and paged by the broker.
 *
 * @module
 */

import { ask, query } from "../parts/api.js";
import { el } from "../parts/element.js";
import { bytes, count, rate, span } from "../parts/format.js";
import { Listing } from "../parts/lists/listing.js";
import { button, link } from "../parts/page.js";
import { createStream } from "./stream/stream_dialogs.js";

/** @typedef {import("../parts/page.js").Page} Page */

/** @param {Page} page */
export function showStreams(page) {
  const create = button("New stream", () => createStream(page), {
    class: "main",
    "data-key": "n",
    title: "New stream (n)",
  });
  const listing = new Listing(page, {
    caption: "Streams",
    sort: "name",
    searchHint: "Part of a name, * for anything",
    key: ({ name }) => name,
    columns: streamColumns(),
    empty: emptyText(page),
    load: (values, signal) =>
      ask("GET", `/api/streams${query({ kind: "streams", ...values })}`, { signal }),
    rows: ({ streams }) => streams,
  });
  page.show("Streams", [page.session.may.create ? create : null], listing.element);
  listing.start();
}

/** The columns of streams of every kind. */
export function streamColumns() {
  return [
    {
      label: "Stream",
      sort: "name",
      class: "name",
      node: nameCell,
      stamp: (/** @type {any} */ { isPaused }) => String(isPaused),
    },
    number("Ready", "ready", ({ ready }) => count(ready)),
    number("Pending", "pending", ({ pending }) => count(pending)),
    extra("Delayed", "delayed", ({ delayed }) => count(delayed)),
    extra("Parked", "parked", ({ parked }) => count(parked)),
    extra("Followers", "followers", ({ followers }) => count(followers)),
    extra("Size", "bytes", (row) => row.bytes === 0 ? "0" : bytes(row.bytes)),
    extra("Oldest ready", "oldestReadyMs", ({ oldestReadyMs }) => span(oldestReadyMs)),
    extra("In/s", "published", ({ rates }) => rate(rates?.published)),
    number("Out/s", "acknowledged", ({ rates }) => rate(rates?.acknowledged)),
  ];
}

/** @param {{ name: string, isPaused: boolean }} row */
function nameCell({ name, isPaused }) {
  const badge = isPaused ? el("span", { class: "badge badge-warning" }, "paused") : null;
  return el("span", {}, link(["streams", name], name), badge);
}

/**
 * @param {string} label
 * @param {string} sort
 * @param {(row: any) => string} text
 */
function number(label, sort, text) {
  return { label, sort, isNumber: true, text };
}

/**
 * @param {string} label
 * @param {string} sort
 * @param {(row: any) => string} text
 */
function extra(label, sort, text) {
  return { ...number(label, sort, text), isExtra: true };
}

/** @param {Page} page */
function emptyText(page) {
  return page.session.may.create
    ? "No stream that fits. Create one with “New stream”, or let a program do it."
    : "No stream that fits. Streams appear here when a program creates them.";
}

/**
 * The streams whose names contain a text, for suggestions.
 *
 * @param {string} search
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>}
 */
export async function suggestStreams(search, signal) {
  const { streams } = await ask("GET", `/api/streams${query({ search, limit: 20 })}`, { signal });
  return streams.map((/** @type {{ name: string }} */ { name }) => name);
}
