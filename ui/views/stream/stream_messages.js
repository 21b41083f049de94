/**
 * The messages of a stream: page by page, or found by a search that can be stopped.
 *
 * @module
 */

import { apiPath, ask, query } from "../../parts/api.js";
import { el, fill } from "../../parts/element.js";
import { count, counted } from "../../parts/format.js";
import { field, numberInput, readNumber } from "../../parts/form.js";
import { fail, tell } from "../../parts/notices.js";
import { button } from "../../parts/page.js";
import { ScanLine } from "../../parts/lists/scan.js";
import { Table } from "../../parts/lists/table.js";
import { messageFilter } from "../messages/message_filter.js";
import { messageColumns } from "../messages/message_columns.js";
import { sweepIds } from "../messages/sweep_dialog.js";

/** @typedef {import("./stream.js").StreamView} StreamView */

const LIMIT = 50;

/** So many found messages are shown before the search waits. */
const FOUND_MAX = 200;

const PREVIEW_BYTES = 160;

/** @param {StreamView} view */
export function showStreamMessages(view) {
  return new Messages(view).element;
}

/** The list of messages with its search. */
class Messages {
  /** @type {any[]} */
  #messages = [];
  /** @type {Set<number>} */
  #chosen = new Set();
  /** @type {{ next: number | undefined, until: number | undefined }} */
  #rest = { next: undefined, until: undefined };
  #isSearch = false;

  /** @param {StreamView} view */
  constructor(view) {
    const { page, stream } = view;
    this.view = view;
    this.isDead = stream.deadOf !== null;
    this.mayChange = stream.may.manage;
    this.filter = messageFilter(this.isDead, page.params);
    this.from = numberInput({
      name: "from",
      min: 1,
      value: page.params.get("from") ?? "",
      placeholder: "1",
    });
    this.scan = new ScanLine();
    this.search = el("button", { type: "submit", class: "main" }, "Search");
    this.more = button("More", () => this.#load());
    this.refresh = button("Refresh", () => this.#begin());
    this.status = el("span", { class: "quiet", role: "status" });
    this.sweep = el("div", { class: "actions" });
    this.table = new Table({
      caption: `Messages of ${view.name}`,
      key: ({ id }) => id,
      columns: messageColumns(
        view,
        this.isDead,
        this.mayChange ? this.#chosen : undefined,
        () => this.#showSweep(),
      ),
      empty:
        "No message here. Those that were acknowledged are gone; take another search, or publish one.",
    });
    this.element = this.#build();
    page.signal.addEventListener("abort", () => this.scan.stop());
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && this.scan.isRunning) this.scan.stop();
    }, { signal: page.signal });
    this.#begin().catch(fail);
  }

  #build() {
    const form = el(
      "form",
      { class: "search-form", role: "search", novalidate: true },
      this.filter.element,
      field("From id", this.from),
      el("div", { class: "actions" }, this.search, this.refresh),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin().catch(fail);
    });
    const foot = el(
      "div",
      { class: "list-foot" },
      this.status,
      this.more,
      this.sweep,
    );
    return el("div", {}, form, this.scan.element, this.table.element, foot);
  }

  async #begin() {
    const filter = this.filter.read();
    const names = Object.keys(this.filter.inputs);
    const from = readNumber(this.from);
    this.view.page.keep({ ...Object.fromEntries(names.map((name) => [name, filter[name]])), from });
    this.scan.stop();
    this.#messages = [];
    this.#chosen.clear();
    this.#isSearch = Object.keys(filter).length > 0;
    this.#rest = { next: from, until: undefined };
    this.scan.element.hidden = !this.#isSearch;
    this.#show();
    await this.#load();
  }

  async #load() {
    this.more.hidden = true;
    if (this.#isSearch) await this.#scan();
    else await this.#peek();
    this.#show();
  }

  async #peek() {
    const { page, name } = this.view;
    const values = query({ from: this.#rest.next, limit: LIMIT, preview: PREVIEW_BYTES });
    const answer = await ask("GET", apiPath("streams", name, "messages") + values, {
      signal: page.signal,
    });
    this.#messages.push(...answer.messages);
    this.#rest = { next: answer.next, until: undefined };
  }

  async #scan() {
    const { page, name } = this.view;
    const filter = this.filter.read();
    const before = this.#messages.length;
    this.#rest = await this.scan.run({
      from: this.#rest.next,
      until: this.#rest.until,
      signal: page.signal,
      load: (from, until, signal) => {
        const values = query({ ...filter, from, until, limit: LIMIT, preview: PREVIEW_BYTES });
        return ask("GET", apiPath("streams", name, "search") + values, { signal });
      },
      onStep: ({ messages }) => {
        this.#messages.push(...messages);
        this.#show();
        return this.#messages.length - before >= FOUND_MAX;
      },
      describe: () => `${count(this.#messages.length)} found`,
    });
  }

  #show() {
    this.table.show(this.#messages);
    this.table.empty.hidden ||= this.scan.isRunning;
    const hasMore = this.#rest.next !== undefined && this.#messages.length > 0 ||
      this.#isSearch && this.#rest.next !== undefined;
    this.more.hidden = !hasMore || this.scan.isRunning;
    fill(this.more, this.#isSearch ? "Search on" : "More");
    const shown = counted(this.#messages.length, "message");
    fill(
      this.status,
      this.#messages.length === 0
        ? ""
        : this.#isSearch
        ? `${shown} found`
        : `${shown} shown, oldest first`,
    );
    this.#showSweep();
  }

  #showSweep() {
    const ids = [...this.#chosen];
    if (!this.mayChange || ids.length === 0) return fill(this.sweep);
    const done = (/** @type {string} */ text) => {
      tell(text);
      this.#begin().catch(fail);
    };
    const { name } = this.view;
    const label = counted(ids.length, "chosen message");
    fill(
      this.sweep,
      this.isDead
        ? button(`Redrive ${label} …`, () => sweepIds(name, "redrive", ids, done), {
          class: "main",
        })
        : null,
      this.isDead
        ? button(`Drop ${label} …`, () => sweepIds(name, "drop", ids, done), { class: "danger" })
        : button(`Cancel ${label} …`, () => sweepIds(name, "cancel", ids, done), {
          class: "danger",
        }),
    );
  }
}
