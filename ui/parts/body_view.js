/**
 * Bodies of messages: as text, as JSON with its structure, as bytes.
 *
 * @module
 */

import { el, fill } from "./element.js";
import { segments } from "./form.js";

/** The most bytes that are shown as such. */
const DUMP_BYTES_MAX = 16 * 1024;

const ROW_BYTES = 16;

/**
 * Shows a body, with a switch between its views.
 *
 * @param {{ kind: string, body: string, isCut: boolean }} message
 */
export function bodyView({ kind, body, isCut }) {
  const data = kind === "bytes" ? decodeBase64(body) : new TextEncoder().encode(body);
  const text = kind === "bytes" ? new TextDecoder().decode(data) : body;
  const json = isCut ? undefined : writeJson(text);
  const views = /** @type {Record<string, () => string>} */ ({
    text: () => text,
    json: () => json ?? "",
    bytes: () => dump(data),
  });
  const isJson = json !== undefined;
  const chosen = kind === "bytes" ? "bytes" : kind === "json" && isJson ? "json" : "text";
  const box = el("pre", { class: "body", tabindex: 0, role: "region", "aria-label": "Body" });
  const show = (/** @type {string} */ view) => fill(box, views[view]() || "(empty)");
  const choices =
    /** @type {[string, string][]} */ ([["text", "Text"], ["json", "JSON"], ["bytes", "Bytes"]]);
  const tabs = segments(
    "Body as",
    choices.filter(([view]) => view !== "json" || isJson),
    chosen,
    show,
  );
  show(chosen);
  return el("div", { class: "body-view" }, tabs.element, box);
}

/**
 * @param {string} text
 * @returns {string | undefined}
 */
function writeJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function decodeBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** @param {Uint8Array} data */
export function encodeBase64(data) {
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return btoa(text);
}

/**
 * Writes bytes as rows of an offset, their values, and what is printable.
 *
 * @param {Uint8Array} data
 */
export function dump(data) {
  const rows = [];
  for (let at = 0; at < Math.min(data.length, DUMP_BYTES_MAX); at += ROW_BYTES) {
    const part = [...data.subarray(at, at + ROW_BYTES)];
    const values = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(
      ROW_BYTES * 3 - 1,
    );
    const texts = part.map((byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")
      .join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${values}  ${texts}`);
  }
  if (data.length > DUMP_BYTES_MAX) rows.push(`… ${data.length - DUMP_BYTES_MAX} more bytes`);
  return rows.join("\n");
}
