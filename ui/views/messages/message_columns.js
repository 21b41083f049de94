/**
 * The columns of messages.
 *
 * @module
 */

import { el } from "../../parts/element.js";
import { bytes, clock, count, moment, zone } from "../../parts/format.js";
import { button } from "../../parts/page.js";
import { openMessage } from "./message_dialog.js";

/** The most messages that are chosen at a time. */
const CHOSEN_MAX = 1000;

/** @type {Record<string, string>} */
export const CAUSE_TEXTS = {
  rejected: "rejected",
  maxDeliveries: "delivered too often",
  expired: "expired",
  cancelled: "cancelled",
};

/**
 * Columns of messages.
 *
 * @param {import("../stream/stream.js").StreamView} view
 * @param {boolean} isDead
 * @param {Set<number> | undefined} chosen The chosen ids, if any may be chosen.
 * @param {() => void} onChoose
 * @returns {import("../../parts/lists/table.js").Column[]}
 */
export function messageColumns(view, isDead, chosen, onChoose) {
  const choose = chosen === undefined ? [] : [chooseColumn(chosen, onChoose)];
  const id = {
    label: "Id",
    isNumber: true,
    node: (/** @type {any} */ message) =>
      button(count(message.id), () => openMessage(view, message.id), {
        class: "link",
        "aria-label": `Message ${message.id}`,
      }),
  };
  return [...choose, id, ...(isDead ? deadColumns() : liveColumns()), {
    label: "Body",
    class: "preview",
    text: preview,
  }];
}

/** @returns {import("../../parts/lists/table.js").Column[]} */
function liveColumns() {
  return [
    {
      label: "State",
      node: stateCell,
      stamp: ({ state, dueAt, follower }) => `${state} ${dueAt} ${follower}`,
    },
    { label: "Delivered", isNumber: true, isExtra: true, text: ({ attempts }) => count(attempts) },
    {
      label: `Stored (${zone(Date.now())})`,
      isExtra: true,
      class: "time",
      text: ({ storedAt }) => moment(storedAt),
    },
    { label: "Key", isExtra: true, class: "clip", text: ({ key }) => key ?? "" },
    { label: "Priority", isNumber: true, isExtra: true, text: ({ priority }) => count(priority) },
    { label: "Size", isNumber: true, isExtra: true, text: ({ size }) => bytes(size) },
  ];
}

/** @returns {import("../../parts/lists/table.js").Column[]} */
function deadColumns() {
  return [
    {
      label: "Cause",
      class: "cause",
      text: ({ deadLetter }) => CAUSE_TEXTS[deadLetter?.cause] ?? "–",
    },
    {
      label: "Last reason",
      class: "reason",
      text: ({ deadLetter }) => deadLetter?.reasons.at(-1) ?? "",
    },
    {
      label: "Deliveries",
      isNumber: true,
      isExtra: true,
      text: ({ deadLetter }) => count(deadLetter?.attempts),
    },
    {
      label: "Sent back",
      isNumber: true,
      isExtra: true,
      text: ({ deadLetter }) => count(deadLetter?.redrives?.count ?? 0),
    },
    { label: "Last follower", isExtra: true, text: ({ deadLetter }) => deadLetter?.follower ?? "" },
    {
      label: `Died (${zone(Date.now())})`,
      isExtra: true,
      class: "time",
      text: ({ deadLetter }) => moment(deadLetter?.lastAt),
    },
  ];
}

/**
 * @param {Set<number>} chosen
 * @param {() => void} onChoose
 * @returns {import("../../parts/lists/table.js").Column}
 */
function chooseColumn(chosen, onChoose) {
  return {
    label: "",
    class: "choose",
    node: ({ id }) => {
      const input = el("input", { type: "checkbox", "aria-label": `Choose message ${id}` });
      input.addEventListener("change", () => {
        if (input.checked && chosen.size < CHOSEN_MAX) chosen.add(id);
        else {
          input.checked = false;
          chosen.delete(id);
        }
        onChoose();
      });
      return input;
    },
  };
}

/** @param {any} message */
function stateCell({ state, dueAt, follower }) {
  const more = state === "delayed"
    ? `until ${clock(dueAt)}`
    : state === "pending" && follower
    ? `with ${follower}`
    : "";
  return el(
    "span",
    {},
    el("span", { class: `state state-${state}` }, state),
    more === "" ? null : el("small", {}, more),
  );
}

/** @param {any} message */
function preview({ kind, body, size, isCut }) {
  if (kind === "bytes") return `${bytes(size)} of bytes`;
  return isCut ? `${body} …` : body;
}
