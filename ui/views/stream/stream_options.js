/**
 * The options of a stream, and which of them are not the usual ones.
 *
 * @module
 */

import { el, fill } from "../../parts/element.js";
import { button } from "../../parts/page.js";
import { valueOf, writeOption } from "./option_fields.js";
import { GROUP_HEADS, OPTIONS } from "./option_list.js";
import { changeOptions } from "./stream_dialogs.js";

/** @param {import("./stream.js").StreamView} view */
export function showStreamOptions(view) {
  const body = el("tbody", {});
  let shown = "";
  view.listen(({ options, optionDefaults, breakerDefaults, durability }) => {
    const text = JSON.stringify(options);
    if (text === shown) return;
    shown = text;
    // Parts of what is not there are left out, but for the one that tells so.
    const shownOptions = OPTIONS.filter(({ group, name }) =>
      group === undefined || options[group] !== null || GROUP_HEADS[group] === name
    );
    const rows = shownOptions.map((option) => {
      const initial = option.group === "breaker" ? breakerDefaults[option.name] : undefined;
      const value = writeOption(option, valueOf(option, options) ?? initial ?? null);
      const usual = writeOption(option, initial ?? valueOf(option, optionDefaults));
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
