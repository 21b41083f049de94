/**
 * A list that the broker searches, sorts and pages, with its search field, table and buttons.
 *
 * @module
 */

import { el } from "../element.js";
import { Pager, Table } from "./table.js";

/** @typedef {import("../page.js").Page} Page */

const LIMIT = 50;

/** How often what is shown is asked for again, in milliseconds. */
const REFRESH_MS = 2000;

/** The broker is asked so long after the last key, in milliseconds. */
const TYPING_MS = 200;

/**
 * @typedef {object} ListingOptions
 * @property {string} caption
 * @property {string} sort The first order.
 * @property {"asc" | "desc"} [order]
 * @property {string} searchHint
 * @property {(row: any) => string | number} key
 * @property {import("./table.js").Column[]} columns
 * @property {import("../element.js").Child} empty
 * @property {(values: any, signal: AbortSignal) => Promise<any>} load
 * @property {(answer: any) => any[]} rows
 * @property {import("../element.js").Child} [beside] Stands beside the search field.
 * @property {(answer: any) => number} [total] How many there are without a search, if not those that matched.
 * @property {(answer: any) => import("../element.js").Child[]} [rest] What of these is not listed, and where it is.
 */

/** A list whose state is in the address. */
export class Listing {
  /** @type {(() => Promise<void>) | undefined} */
  #refresh;
  #asking = new AbortController();

  /**
   * @param {Page} page
   * @param {ListingOptions} options
   */
  constructor(page, options) {
    this.page = page;
    this.options = options;
    const { params } = page;
    const { caption, searchHint, key, columns, empty } = options;
    this.sort = params.get("sort") ?? options.sort;
    this.order = params.get("order") ?? options.order ?? "asc";
    this.offset = Number(params.get("offset") ?? 0);
    const onSort = (/** @type {string} */ sort, /** @type {string} */ order) =>
      this.#move({ sort, order, offset: 0 });
    this.table = new Table({
      caption,
      key,
      columns,
      empty,
      sort: this.sort,
      order: this.order,
      onSort,
    });
    this.pager = new Pager(LIMIT, (offset) => this.#move({ offset }));
    this.search = el("input", {
      type: "search",
      value: params.get("search") ?? "",
      placeholder: searchHint,
      "aria-label": `Search: ${searchHint}`,
      "data-key": "/",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.#listen();
    const fields = el("div", { class: "list-fields", role: "search" }, this.search, options.beside);
    const bar = el("div", { class: "list-bar" }, fields, this.pager.element);
    this.element = el("div", { class: "listing" }, bar, this.table.element);
  }

  /** Begins to ask the broker, until the view is left. */
  start() {
    this.#refresh = this.page.every(REFRESH_MS, () => this.#load());
  }

  /** Asks the broker at once. */
  async refresh() {
    this.#asking.abort();
    await this.#refresh?.();
  }

  /** Shows the first page of what is wanted now. */
  restart() {
    this.#move({ offset: 0 });
  }

  #listen() {
    /** @type {number | undefined} */
    let timer;
    this.search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#move({ offset: 0 }), TYPING_MS);
    });
  }

  /** @param {{ sort?: string, order?: string, offset?: number }} change */
  #move(change) {
    Object.assign(this, change);
    this.table.setSort(this.sort, this.order);
    const { sort, order, options } = this;
    const isUsual = sort === options.sort && order === (options.order ?? "asc");
    this.page.keep({
      search: this.search.value,
      sort: isUsual ? undefined : sort,
      order: isUsual ? undefined : order,
      offset: this.offset || undefined,
    });
    this.refresh();
  }

  async #load() {
    this.#asking = new AbortController();
    const signal = AbortSignal.any([this.#asking.signal, this.page.signal]);
    const { sort, order, offset } = this;
    const answer = await this.options.load({
      search: this.search.value,
      sort,
      order,
      offset,
      limit: LIMIT,
    }, signal);
    this.table.show(this.options.rows(answer));
    const { offset: from, matched, total } = answer;
    if (this.search.value !== "") return this.pager.show(from, matched, total);
    const { total: count = () => matched, rest = () => [] } = this.options;
    this.pager.showAll(from, matched, count(answer), rest(answer));
  }
}
