/**
 * Fields of forms: each has a label, and may have a hint.
 *
 * @module
 */

import { el } from "./element.js";

/** @typedef {import("./element.js").Props} Props */

let lastId = 0;

/**
 * Puts a label, and a hint, to an input.
 *
 * @template {HTMLElement} Input
 * @param {string} label
 * @param {Input} input
 * @param {string} [hint]
 */
export function field(label, input, hint) {
  lastId += 1;
  input.id ||= `field-${lastId}`;
  const told = hint === undefined ? null : el("small", { id: `${input.id}-hint` }, hint);
  if (told !== null) input.setAttribute("aria-describedby", told.id);
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input, told);
}

/** @param {Props} [props] */
export function textInput(props) {
  return el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...props });
}

/** @param {Props} [props] */
export function numberInput(props) {
  return el("input", { type: "number", inputmode: "numeric", ...props });
}

/**
 * A choice from a list.
 *
 * @param {[value: string, label: string][]} choices
 * @param {string} [chosen]
 * @param {Props} [props]
 */
export function select(choices, chosen, props) {
  const options = choices.map(([value, label]) =>
    el("option", { value, selected: value === chosen }, label)
  );
  return el("select", props ?? {}, options);
}

/**
 * A box to check.
 *
 * @param {string} label
 * @param {boolean} isChecked
 */
export function checkbox(label, isChecked) {
  const input = el("input", { type: "checkbox", checked: isChecked });
  return { input, element: el("label", { class: "check" }, input, label) };
}

/**
 * A choice of one among a few, side by side.
 *
 * @param {string} label
 * @param {[value: string, label: string][]} choices
 * @param {string} chosen
 * @param {(value: string) => void} [onChange]
 */
export function segments(label, choices, chosen, onChange) {
  lastId += 1;
  const name = `segments-${lastId}`;
  const inputs = choices.map(([value]) =>
    el("input", { type: "radio", name, value, checked: value === chosen })
  );
  for (const input of inputs) input.addEventListener("change", () => onChange?.(input.value));
  const element = el(
    "fieldset",
    { class: "segments" },
    el("legend", { class: "unseen" }, label),
    choices.map(([, text], index) => el("label", {}, inputs[index], el("span", {}, text))),
  );
  const read = () => inputs.find(({ checked }) => checked)?.value ?? chosen;
  return { element, read };
}

/**
 * Reads a number that may be left out.
 *
 * @param {HTMLInputElement} input
 * @returns {number | undefined}
 */
export function readNumber(input) {
  return input.value.trim() === "" ? undefined : Number(input.value);
}
