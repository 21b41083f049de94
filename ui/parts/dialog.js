/**
 * Dialogs: modal ones of the browser, which keep the focus inside and close with Escape.
 *
 * @module
 */

import { explainError, isAborted } from "./api.js";
import { el, fill, icon } from "./element.js";
import { ICONS } from "./icons.js";

/** @typedef {import("./element.js").Child} Child */

/**
 * @typedef {object} Action
 * @property {string} label
 * @property {"main" | "danger" | "usual"} [kind]
 * @property {(signal: AbortSignal) => Promise<unknown>} run The dialog closes when it is done, unless it
 * resolves to `"stay"`.
 */

let lastId = 0;

/** A dialog that is open until it is closed. */
export class Dialog {
  #abort = new AbortController();

  /**
   * @param {object} options
   * @param {string} options.title
   * @param {Child[]} options.content
   * @param {Action[]} [options.actions]
   * @param {string} [options.cancel] The label of the button that only closes.
   * @param {boolean} [options.isWide]
   * @param {() => void} [options.onClose]
   */
  constructor({ title, content, actions = [], cancel = "Cancel", isWide = false, onClose }) {
    lastId += 1;
    const id = `dialog-${lastId}`;
    const close = el(
      "button",
      { type: "button", class: "plain", "aria-label": "Close" },
      icon(ICONS.close),
    );
    close.addEventListener("click", () => this.close());
    this.error = el("p", { class: "error", role: "alert" });
    this.heading = el("h2", { id }, title);
    this.body = el("div", { class: "dialog-body" }, content);
    this.buttons = actions.map((action) => this.#button(action));
    const end = el("button", { type: "button" }, cancel);
    end.addEventListener("click", () => this.close());
    const form = el(
      "form",
      { method: "dialog", novalidate: true },
      el("header", {}, this.heading, close),
      this.body,
      this.error,
      el("footer", {}, end, this.buttons),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.buttons.find((button) => !button.disabled && !button.hidden)?.click();
    });
    this.element = el("dialog", { "aria-labelledby": id, class: isWide ? "wide" : null }, form);
    this.element.addEventListener("close", () => {
      this.#abort.abort();
      this.element.remove();
      onClose?.();
    });
    // A link in a dialog leads elsewhere: nothing may stand above what it shows.
    addEventListener("hashchange", () => this.close(), { signal: this.signal });
    document.body.append(this.element);
    this.element.showModal();
    const first = this.body.querySelector("input:not([type=radio]), select, textarea");
    if (first instanceof HTMLElement) first.focus();
  }

  /** Aborted when the dialog is closed. */
  get signal() {
    return this.#abort.signal;
  }

  close() {
    this.element.close();
  }

  /** @param {unknown} error */
  fail(error) {
    if (!isAborted(error)) fill(this.error, explainError(error));
  }

  /** @param {Action} action */
  #button({ label, kind = "main", run }) {
    const button = el("button", { type: "button", class: kind }, label);
    button.addEventListener("click", async () => {
      fill(this.error);
      button.disabled = true;
      try {
        if (await run(this.signal) !== "stay") this.close();
      } catch (error) {
        this.fail(error);
      } finally {
        button.disabled = false;
      }
    });
    return button;
  }
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {object} options
 * @param {string} options.title
 * @param {string[]} options.sentences
 * @param {string} options.label What the button does.
 * @param {"main" | "danger"} [options.kind]
 * @param {(signal: AbortSignal) => Promise<unknown>} options.run
 */
export function confirmFirst({ title, sentences, label, kind = "danger", run }) {
  const content = sentences.map((sentence) => el("p", {}, sentence));
  return new Dialog({ title, content, actions: [{ label, kind, run }] });
}
