/**
 * Short notices about what was done, and errors.
 *
 * @module
 */

import { explainError, isAborted } from "./api.js";
import { el, icon } from "./element.js";
import { ICONS } from "./icons.js";

/** How long a notice stays that is no error, in milliseconds. */
const SHOWN_MS = 6000;

/** The most notices at a time. */
const NOTICES_MAX = 4;

/** Where notices appear. Both are in the page from the start: readers of screens hear what is added. */
export const noticeBox = el("div", { class: "notices", role: "status", "aria-live": "polite" });

/**
 * Tells that something was done.
 *
 * @param {string} text
 */
export function tell(text) {
  const notice = show(text, "notice notice-done");
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/**
 * Tells of an error, until it is closed; nothing if a request was given up.
 *
 * @param {unknown} error
 */
export function fail(error) {
  if (!isAborted(error)) show(explainError(error), "notice notice-error");
}

/**
 * @param {string} text
 * @param {string} className
 */
function show(text, className) {
  const close = el(
    "button",
    { type: "button", class: "plain", "aria-label": "Close the notice" },
    icon(ICONS.close),
  );
  const notice = el("div", { class: className }, el("span", {}, text), close);
  close.addEventListener("click", () => notice.remove());
  while (noticeBox.childElementCount >= NOTICES_MAX) noticeBox.firstElementChild?.remove();
  noticeBox.append(notice);
  return notice;
}
