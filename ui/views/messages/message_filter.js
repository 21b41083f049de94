/**
 * The fields that messages are searched by.
 *
 * @module
 */

import { el } from "../../parts/element.js";
import { field, select, textInput } from "../../parts/form.js";

const STATES = /** @type {[string, string][]} */ ([
  ["", "any"],
  ["ready", "ready"],
  ["delayed", "delayed"],
  ["pending", "pending"],
]);

const CAUSES = /** @type {[string, string][]} */ ([
  ["", "any"],
  ["rejected", "rejected"],
  ["maxDeliveries", "delivered too often"],
  ["expired", "expired"],
]);

/**
 * Fields of a filter.
 *
 * @param {boolean} isDead Whether the messages are dead letters.
 * @param {URLSearchParams} [params] The first values.
 */
export function messageFilter(isDead, params = new URLSearchParams()) {
  const value = (/** @type {string} */ name) => params.get(name) ?? "";
  const inputs = /** @type {Record<string, HTMLInputElement | HTMLSelectElement>} */ ({
    text: textInput({ name: "text", value: value("text"), type: "search", "data-key": "/" }),
    key: textInput({ name: "key", value: value("key") }),
    header: textInput({ name: "header", value: value("header"), placeholder: "name=part" }),
    ...(isDead
      ? {
        cause: select(CAUSES, value("cause"), { name: "cause" }),
        reason: textInput({ name: "reason", value: value("reason") }),
      }
      : { state: select(STATES, value("state"), { name: "state" }) }),
  });
  const labels = /** @type {Record<string, string>} */ ({
    text: "Body contains",
    key: "Key is",
    header: "Header",
    cause: "Cause",
    reason: "Reason contains",
    state: "State",
  });
  const fields = Object.entries(inputs).map(([name, input]) => field(labels[name], input));
  return {
    element: el("div", { class: "filter" }, fields),
    inputs,
    /** @returns {Record<string, string>} What is filled in. */
    read() {
      const filled = Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]);
      return Object.fromEntries(filled.filter(([, text]) => text !== ""));
    },
  };
}
