/**
 * The options of a stream, and which of them are not the usual ones.
 *
 * @module
 */

import { el, fill } from "../../parts/element.js";
import { button } from "../../parts/page.js";
import { OPTIONS, writeOption } from "./option_fields.js";
import { changeOptions } from "./stream_dialogs.js";

/** @param {import("./stream.js").StreamView} view */
export function showStreamOptions(view) {
  const body = el("tbody", {});
  let shown = "";
  view.listen(({ options, optionDefaults, durability }) => {
    const text = JSON.stringify(options);
    if (text === shown) return;
    shown = text;
    const rows = OPTIONS.map((option) => {
      const value = writeOption(option, options[option.name]);
      const usual = writeOption(option, optionDefaults[option.name]);
      return row(option.label, option.hint, value, value === usual ? "" : usual);
    });
    fill(
      body,
      rows,
      row("Durability", "What a confirm promises; a setting of the broker.", durability, ""),
    );
  });
  const change = () => changeOptions(view.stream, () => void view.refresh());
  const head = ["Option", "Value", "Default"].map((label) => el("th", { scope: "col" }, label));
  return el(
    "div",
    { class: "stack" },
    el(
      "div",
      { class: "table-box", tabindex: 0, role: "region", "aria-label": "Options" },
      el(
        "table",
        {},
        el("caption", { class: "unseen" }, "Options"),
        el("thead", {}, el("tr", {}, head)),
        body,
      ),
    ),
    view.stream.may.manage ? el("p", {}, button("Change …", change, { class: "main" })) : null,
  );
}

/**
 * @param {string} label
 * @param {string} hint
 * @param {string} value
 * @param {string} usual
 */
function row(label, hint, value, usual) {
  const name = el("th", { scope: "row" }, label, hint === "" ? null : el("small", {}, hint));
  return el(
    "tr",
    { class: usual === "" ? null : "is-changed" },
    name,
    el("td", {}, value),
    el("td", { class: "quiet" }, usual),
  );
}
