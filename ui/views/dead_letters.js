/**
 * The streams that hold dead letters.
 *
 * @module
 */

import { ask, query } from "../parts/api.js";
import { el } from "../parts/element.js";
import { bytes, count, span } from "../parts/format.js";
import { Listing } from "../parts/lists/listing.js";
import { button, link } from "../parts/page.js";
import { sweepMessages } from "./messages/sweep_dialog.js";

/** @param {import("../parts/page.js").Page} page */
export function showDeadLetters(page) {
  const redrive = (/** @type {string} */ name) =>
    sweepMessages(name, "redrive", () => void listing.refresh());
  const drop = (/** @type {string} */ name) =>
    sweepMessages(name, "drop", () => void listing.refresh());
  const actions = page.session.may.manage
    ? [{
      label: "",
      class: "row-actions",
      node: (/** @type {any} */ { name, may }) =>
        may.manage
          ? el(
            "span",
            {},
            button("Redrive …", () => redrive(name), {
              "aria-label": `Redrive dead letters of ${name}`,
            }),
            button("Drop …", () => drop(name), { "aria-label": `Drop dead letters of ${name}` }),
          )
          : null,
    }]
    : [];
  const listing = new Listing(page, {
    caption: "Streams of dead letters",
    sort: "ready",
    order: "desc",
    searchHint: "Part of a name, * for anything",
    key: ({ name }) => name,
    columns: [
      { label: "Dead letters of", sort: "name", class: "name", node: nameCell },
      {
        label: "Messages",
        sort: "ready",
        isNumber: true,
        text: ({ ready, delayed, pending }) => count(ready + delayed + pending),
      },
      {
        label: "Oldest",
        sort: "oldestReadyMs",
        isNumber: true,
        isExtra: true,
        text: ({ oldestReadyMs }) => span(oldestReadyMs),
      },
      {
        label: "Size",
        sort: "bytes",
        isNumber: true,
        isExtra: true,
        text: (row) => bytes(row.bytes),
      },
      {
        label: "New/s",
        sort: "published",
        isNumber: true,
        isExtra: true,
        text: ({ rates }) => count(rates?.published),
      },
      ...actions,
    ],
    empty:
      "No dead letters. Messages come here when they were rejected, or have failed as often as the stream's “Deliveries at most” allows.",
    load: (values, signal) =>
      ask("GET", `/api/streams${query({ kind: "dead", ...values })}`, { signal }),
    rows: ({ streams }) => streams,
  });
  page.show("Dead letters", [], listing.element);
  listing.start();
}

/** @param {{ name: string }} row */
function nameCell({ name }) {
  return link(["streams", name, "messages"], name.replace(/\.dead$/, ""));
}
