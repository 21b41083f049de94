/**
 * Keys of the page.
 *
 * @module
 */

import { Dialog } from "./dialog.js";
import { el } from "./element.js";
import { checkbox } from "./form.js";
import { hasShortcuts, setShortcuts } from "./preferences.js";

/** Views, by the second key after `g`. */
const VIEWS = /** @type {Record<string, string>} */ ({
  o: "overview",
  s: "streams",
  d: "dead",
  h: "schedules",
  c: "connections",
  b: "cluster",
  p: "publish",
  e: "events",
});

/** How long the second key may take, in milliseconds. */
const SECOND_KEY_MS = 1500;

const KEYS = [
  ["g then o", "Overview"],
  ["g then s", "Streams"],
  ["g then d", "Dead letters"],
  ["g then h", "Schedules"],
  ["g then c", "Connections"],
  ["g then b", "Cluster (of brokers)"],
  ["g then p", "Publish"],
  ["g then e", "Events"],
  ["/", "Go to the search field"],
  ["n", "New stream (in the list of streams)"],
  ["t", "Switch between light, dark and the system's choice"],
  ["?", "This list"],
  ["← →", "Single values of a chart that has the focus"],
  ["Esc", "Close a dialog, stop a search"],
];

/**
 * Listens to keys.
 *
 * @param {{ onTheme: () => void }} events
 */
export function listenToKeys({ onTheme }) {
  let pressedAt = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (!hasShortcuts() || isTyping(event) || document.querySelector("dialog[open]") !== null) {
      return;
    }
    const isSecond = event.timeStamp - pressedAt < SECOND_KEY_MS;
    pressedAt = event.key === "g" ? event.timeStamp : -Infinity;
    const view = isSecond ? VIEWS[event.key] : undefined;
    const action = view !== undefined
      ? document.querySelector(`nav a[data-view="${view}"]`)
      : event.key === "n"
      ? document.querySelector("[data-key='n']")
      : null;
    const search = event.key === "/" ? document.querySelector("[data-key='/']") : null;
    if (action instanceof HTMLElement) action.click();
    else if (search instanceof HTMLElement) search.focus();
    else if (event.key === "?") showKeys();
    else if (event.key === "t") onTheme();
    else return;
    event.preventDefault();
  });
}

/** Shows what keys do. */
export function showKeys() {
  const rows = KEYS.map(([keys, text]) =>
    el(
      "tr",
      {},
      el(
        "td",
        { class: "keys" },
        keys.split(" ").map((key) => key === "then" ? " then " : el("kbd", {}, key)),
      ),
      el("td", {}, text),
    )
  );
  const isOn = checkbox("Single keys do something", hasShortcuts());
  isOn.input.addEventListener("change", () => setShortcuts(isOn.input.checked));
  const head = el(
    "thead",
    {},
    el("tr", {}, el("th", { scope: "col" }, "Keys"), el("th", { scope: "col" }, "What they do")),
  );
  const table = el("table", { class: "keys" }, head, el("tbody", {}, rows));
  return new Dialog({ title: "Keyboard", content: [table, isOn.element], cancel: "Close" });
}

/** @param {KeyboardEvent} event */
function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const { target } = event;
  return target instanceof Element &&
    target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}
