/**
 * The list of streams: searched, sorted and paged by the broker.
 *
 * @module
 */

import { ask, query } from "../parts/api.js";
import { el } from "../parts/element.js";
import { bytes, count, rate, span } from "../parts/format.js";
import { segments } from "../parts/form.js";
import { Listing } from "../parts/lists/listing.js";
import { button, link } from "../parts/page.js";
import { stateBadges } from "./stream_states.js";
import { createStream } from "./stream/stream_dialogs.js";

/** @typedef {import("../parts/page.js").Page} Page */

/** @param {Page} page */
export function showStreams(page) {
  const create = button("New stream", () => createStream(page), {
    class: "main",
    "data-key": "n",
    title: "New stream (n)",
  });
  const choices = /** @type {[string, string][]} */ ([["streams", "All"], ["stuck", "Stuck"]]);
  const kinds = segments("Which streams", choices, page.params.get("kind") ?? "streams", (kind) => {
    page.keep({ kind: kind === "streams" ? undefined : kind });
    listing.restart();
  });
  const isAll = () => kinds.read() === "streams";
  const listing = new Listing(page, {
    caption: "Streams",
    sort: "name",
    searchHint: "Part of a name, * for anything",
    key: ({ name }) => name,
    columns: streamColumns(),
    empty: emptyText(page),
    beside: kinds.element,
    load: (values, signal) =>
      ask("GET", `/api/streams${query({ kind: kinds.read(), ...values })}`, { signal }),
    rows: ({ streams }) => streams,
    // The overview counts those of dead letters, too.
    total: ({ total, matched }) => isAll() ? total : matched,
    rest: ({ total, matched }) =>
      isAll() && total > matched
        ? [`, ${count(total - matched)} of `, link(["dead"], "dead letters")]
        : [],
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
      stamp: (/** @type {any} */ { states }) => states.join(),
    },
    number("Ready", "ready", ({ ready }) => count(ready)),
    number("Oldest ready", "oldestReadyMs", ({ oldestReadyMs }) => span(oldestReadyMs)),
    extra("Pending", "pending", ({ pending }) => count(pending)),
    extra("Delayed", "delayed", ({ delayed }) => count(delayed)),
    extra("Parked", "parked", ({ parked }) => count(parked)),
    extra("Followers", "followers", ({ followers }) => count(followers)),
    extra("Size", "bytes", (row) => row.bytes === 0 ? "0" : bytes(row.bytes)),
    extra("In/s", "published", ({ rates }) => rate(rates?.published)),
    extra("Out/s", "acknowledged", ({ rates }) => rate(rates?.acknowledged)),
  ];
}

/** @param {{ name: string, states: string[] }} row */
function nameCell({ name, states }) {
  // Beside other words, a link must not be told by its colour alone.
  const look = states.length > 0 ? { class: "badged" } : {};
  return el("span", look, link(["streams", name], name), stateBadges(states));
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
