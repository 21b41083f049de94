/**
 * Tables of rows from the broker. Rows that stay keep their elements, so a table may be shown again every
 * second without taking away the focus.
 *
 * @module
 */

import { el, fill, setText } from "../element.js";
import { count } from "../format.js";

/** @typedef {import("../element.js").Child} Child */

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {string} [sort] What the broker sorts by.
 * @property {boolean} [isNumber]
 * @property {boolean} [isExtra] Left out on narrow screens.
 * @property {(row: any) => string} [text]
 * @property {(row: any) => Child} [node] Made once for a row, and again when its stamp changes.
 * @property {(row: any) => unknown} [stamp]
 * @property {string} [class]
 */

/**
 * @typedef {object} TableOptions
 * @property {string} caption
 * @property {Column[]} columns
 * @property {(row: any) => string | number} key
 * @property {Child} [empty] What is shown without rows.
 * @property {string} [sort]
 * @property {string} [order]
 * @property {(sort: string, order: string) => void} [onSort]
 */

/** A table that can be shown again and again. */
export class Table {
  /** @type {Map<string | number, { element: HTMLTableRowElement, stamps: unknown[] }>} */
  #rows = new Map();

  /** @param {TableOptions} options */
  constructor(options) {
    this.options = options;
    this.head = el("tr", {});
    this.body = el("tbody", {});
    this.empty = el("div", { class: "empty", hidden: true }, options.empty);
    const caption = el("caption", { class: "unseen" }, options.caption);
    this.box = el(
      "div",
      { class: "table-box", tabindex: 0, role: "region", "aria-label": options.caption },
      el("table", {}, caption, el("thead", {}, this.head), this.body),
    );
    this.element = el("div", {}, this.box, this.empty);
    this.#showHead();
  }

  /**
   * Shows rows.
   *
   * @param {readonly any[]} rows
   */
  show(rows) {
    const before = this.#rows;
    this.#rows = new Map();
    const elements = rows.map((row) => {
      const key = this.options.key(row);
      const shown = before.get(key) ?? this.#create();
      this.#rows.set(key, shown);
      this.#update(shown, row);
      return shown.element;
    });
    const isSame = elements.length === this.body.childElementCount &&
      elements.every((element, index) => this.body.children[index] === element);
    if (!isSame) this.body.replaceChildren(...elements);
    this.empty.hidden = rows.length > 0;
    this.box.hidden = rows.length === 0;
  }

  /**
   * @param {string} sort
   * @param {string} order
   */
  setSort(sort, order) {
    Object.assign(this.options, { sort, order });
    this.#showHead();
  }

  #showHead() {
    const { columns, sort, order = "asc" } = this.options;
    const focused = [...this.head.children].findIndex((cell) =>
      cell.contains(document.activeElement)
    );
    fill(
      this.head,
      columns.map((column) => {
        const isSorted = column.sort !== undefined && column.sort === sort;
        const state = !isSorted ? null : order === "asc" ? "ascending" : "descending";
        const props = { scope: "col", class: classOf(column), "aria-sort": state };
        if (column.sort === undefined || this.options.onSort === undefined) {
          return el(
            "th",
            props,
            column.label === "" ? el("span", { class: "unseen" }, "Actions") : column.label,
          );
        }
        return el("th", props, this.#sortButton(column, isSorted, order));
      }),
    );
    if (focused !== -1) this.head.children[focused].querySelector("button")?.focus();
  }

  /**
   * @param {Column} column
   * @param {boolean} isSorted
   * @param {string} order
   */
  #sortButton(column, isSorted, order) {
    const first = column.isNumber ? "desc" : "asc";
    const next = !isSorted ? first : order === "asc" ? "desc" : "asc";
    const button = el("button", { type: "button", class: "sort" }, column.label);
    button.addEventListener("click", () => this.options.onSort?.(String(column.sort), next));
    return button;
  }

  #create() {
    const cells = this.options.columns.map((column) => el("td", { class: classOf(column) }));
    return {
      element: el("tr", {}, cells),
      stamps: cells.map(() => /** @type {unknown} */ (undefined)),
    };
  }

  /**
   * @param {{ element: HTMLTableRowElement, stamps: unknown[] }} shown
   * @param {any} row
   */
  #update({ element, stamps }, row) {
    for (const [index, column] of this.options.columns.entries()) {
      const cell = element.children[index];
      if (column.text !== undefined) {
        const text = column.text(row);
        setText(cell, text);
        if (column.isNumber) cell.classList.toggle("zero", text === "0" || text === "–");
        continue;
      }
      const stamp = column.stamp?.(row) ?? "once";
      if (stamps[index] === stamp) continue;
      stamps[index] = stamp;
      fill(cell, column.node?.(row));
    }
  }
}

/** @param {Column} column */
function classOf(column) {
  const names = [column.isNumber && "number", column.isExtra && "extra", column.class];
  return names.filter(Boolean).join(" ") || null;
}

/** The line below a table with the buttons to other pages of it. */
export class Pager {
  /**
   * @param {number} limit
   * @param {(offset: number) => void} onMove
   */
  constructor(limit, onMove) {
    this.limit = limit;
    this.offset = 0;
    this.label = el("span", { role: "status" });
    this.before = el("button", { type: "button" }, "Previous");
    this.after = el("button", { type: "button" }, "Next");
    this.before.addEventListener("click", () => onMove(Math.max(0, this.offset - limit)));
    this.after.addEventListener("click", () => onMove(this.offset + limit));
    this.element = el(
      "nav",
      { class: "pager", "aria-label": "Pages" },
      this.label,
      this.before,
      this.after,
    );
  }

  /**
   * Tells which rows are shown, of those that were found among all.
   *
   * @param {number} offset
   * @param {number} matched
   * @param {number} total
   */
  show(offset, matched, total) {
    const found = matched === total
      ? count(total)
      : `${count(matched)} found among ${count(total)}`;
    this.#show(offset, matched, matched === 0 ? `None of ${count(total)}` : found, []);
    this.element.hidden = total === 0;
  }

  /**
   * Tells which rows are shown, without a search.
   *
   * @param {number} offset
   * @param {number} matched
   * @param {number} total
   * @param {Child[]} rest What of these is elsewhere.
   */
  showAll(offset, matched, total, rest) {
    this.#show(offset, matched, matched === 0 ? `None of ${count(total)}` : count(total), rest);
    this.element.hidden = total === 0;
  }

  /**
   * @param {number} offset
   * @param {number} matched
   * @param {string} found
   * @param {Child[]} rest
   */
  #show(offset, matched, found, rest) {
    this.offset = offset;
    const end = Math.min(matched, offset + this.limit);
    const range = matched === 0 ? found : `${count(offset + 1)}–${count(end)} of ${found}`;
    // Only changes are written: a link in it keeps the focus, and readers of screens are not told again.
    const stamp = JSON.stringify([
      range,
      rest.map((one) => one instanceof Node ? one.textContent : one),
    ]);
    if (this.label.getAttribute("data-shown") !== stamp) fill(this.label, range, rest);
    this.label.setAttribute("data-shown", stamp);
    this.before.disabled = offset === 0;
    this.after.disabled = end >= matched;
    const isOne = matched <= this.limit;
    this.before.hidden = isOne && offset === 0;
    this.after.hidden = isOne && offset === 0;
  }
}
