/**
 * What a view gets: its place in the page, the address, the session, and the broker's figures.
 *
 * @module
 */

import { isAborted } from "./api.js";
import { el, fill } from "./element.js";
import { fail } from "./notices.js";

/** @typedef {import("./api.js").Session} Session */
/** @typedef {import("./element.js").Child} Child */

/** One visit of a view. */
export class Page {
  #abort = new AbortController();

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.host
   * @param {string[]} parts.path The parts of the address, decoded.
   * @param {URLSearchParams} parts.params
   * @param {Session} parts.session
   * @param {import("./live.js").Live} parts.live
   */
  constructor({ host, path, params, session, live }) {
    this.host = host;
    this.path = path;
    this.params = params;
    this.session = session;
    this.live = live;
  }

  /** Aborted when the visit ends. */
  get signal() {
    return this.#abort.signal;
  }

  close() {
    this.#abort.abort();
  }

  /**
   * Shows the view's title, its actions, and what is below them.
   *
   * @param {string} title
   * @param {Child[]} actions
   * @param {...(Child | Child[])} content
   */
  show(title, actions, ...content) {
    const heading = el("h1", { tabindex: -1 }, title);
    document.title = `${title} · SimpleMQ`;
    const bar = el(
      "div",
      { class: "title-bar" },
      heading,
      el("div", { class: "actions" }, actions),
    );
    fill(this.host, bar, ...content);
  }

  /**
   * Hears the snapshots of the live feed until the visit ends.
   *
   * @param {(snapshot: any) => void} listener
   */
  listen(listener) {
    const end = this.live.listen(listener);
    this.signal.addEventListener("abort", end);
  }

  /**
   * Runs something now, and again after a time, as long as the visit lasts and the page is seen. Errors
   * are told of once until it succeeds again.
   *
   * @param {number} ms
   * @param {() => Promise<unknown>} run
   * @returns {() => Promise<void>} Runs it at once.
   */
  every(ms, run) {
    /** @type {number | undefined} */
    let timer;
    let hasFailed = false;
    let turn = 0;
    const step = async () => {
      clearTimeout(timer);
      turn += 1;
      const mine = turn;
      try {
        if (this.live.lostSince === undefined) await run();
        hasFailed = false;
      } catch (error) {
        if (isAborted(error)) return;
        if (!hasFailed && this.live.lostSince === undefined) fail(error);
        hasFailed = true;
      }
      if (!this.signal.aborted && mine === turn) timer = setTimeout(wait, ms);
    };
    const wait = () => {
      if (!document.hidden) step();
      else {document.addEventListener("visibilitychange", () => step(), {
          once: true,
          signal: this.signal,
        });}
    };
    this.signal.addEventListener("abort", () => clearTimeout(timer));
    step();
    return step;
  }

  /**
   * Writes values into the address, without a new visit.
   *
   * @param {Record<string, string | number | undefined>} values Empty ones are taken out.
   */
  keep(values) {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || value === "") this.params.delete(name);
      else this.params.set(name, String(value));
    }
    history.replaceState(null, "", address(this.path, this.params));
  }
}

/**
 * The address of a view.
 *
 * @param {string[]} path
 * @param {URLSearchParams} [params]
 */
export function address(path, params) {
  const text = params?.toString() ?? "";
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/**
 * A link to a view.
 *
 * @param {string[]} path
 * @param {...Child} children
 */
export function link(path, ...children) {
  return el("a", { href: address(path) }, children);
}

/**
 * A button.
 *
 * @param {string} label
 * @param {() => unknown} onClick
 * @param {import("./element.js").Props} [props]
 */
export function button(label, onClick, props) {
  const element = el("button", { type: "button", ...props }, label);
  element.addEventListener("click", async () => {
    try {
      await onClick();
    } catch (error) {
      fail(error);
    }
  });
  return element;
}
