/**
 * The live feed: a snapshot a second, and whether the broker answers at all.
 *
 * @module
 */

import { ask } from "./api.js";

/** The most points that are kept. */
const POINTS_MAX = 600;

/** After so many milliseconds without a snapshot the broker counts as lost. */
const SILENCE_MS = 6000;

const RETRY_MS_MAX = 5000;

/**
 * A tab that is not seen for so many milliseconds gives its feed up: a browser has few connections for all
 * tabs of a broker.
 */
const UNSEEN_MS = 10_000;

/** @typedef {{ at: number, [name: string]: number | null }} Point */

/** The feed of one login. */
export class Live {
  /** @type {EventSource | undefined} */
  #source;
  /** @type {number | undefined} */
  #timer;
  #retryMs = 1000;
  #heardAt = Date.now();
  #isClosed = false;
  #closing = new AbortController();
  /** @type {number | undefined} */
  #unseenTimer;
  /** @type {Set<(snapshot: any) => void>} */
  #listeners = new Set();

  /**
   * @param {object} events
   * @param {(since: number | undefined) => void} events.onLost Called with the time of the last word, or
   * with nothing when the broker answers again.
   * @param {(why: string | undefined) => void} events.onRefused Called with the broker's reason if it answers, but
   * gives this tab no feed, or with nothing when it does.
   * @param {(session: any) => void} events.onSession The session may have changed.
   */
  constructor(events) {
    this.events = events;
    /** @type {number | undefined} */
    this.lostSince = undefined;
    /** @type {string | undefined} */
    this.refusal = undefined;
    /** @type {any} */
    this.last = undefined;
    this.#open();
    this.watchdog = setInterval(() => this.#checkSilence(), 1000);
    const options = { signal: this.#closing.signal };
    document.addEventListener("visibilitychange", () => this.#follow(), options);
  }

  /**
   * Hears every snapshot.
   *
   * @param {(snapshot: any) => void} listener
   * @returns {() => void} Ends it.
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A request was not answered: looks at once whether the broker is there. */
  suspect() {
    if (this.lostSince === undefined) this.#lose();
  }

  close() {
    this.#isClosed = true;
    this.#closing.abort();
    clearTimeout(this.#unseenTimer);
    this.#source?.close();
    clearTimeout(this.#timer);
    clearInterval(this.watchdog);
  }

  /** Gives the feed up while nobody sees the tab, and takes it again. */
  #follow() {
    clearTimeout(this.#unseenTimer);
    if (document.hidden) this.#unseenTimer = setTimeout(() => this.#source?.close(), UNSEEN_MS);
    else if (this.#source?.readyState === EventSource.CLOSED && this.lostSince === undefined) {
      this.#open();
    }
  }

  #open() {
    this.#source?.close();
    const source = new EventSource("/api/live");
    this.#source = source;
    this.#heardAt = Date.now();
    source.addEventListener("snapshot", (event) => this.#hear(JSON.parse(event.data)));
    source.addEventListener("session", () => this.#checkSession());
    source.addEventListener("end", () => this.#lose());
    source.addEventListener("error", () => this.#doubt(source));
  }

  /**
   * The feed has ended: the broker is gone, or it has refused it, which a feed does not tell.
   *
   * @param {EventSource} source
   */
  async #doubt(source) {
    // One that was cut off would try again by itself; one that was refused does not.
    const why = source.readyState === EventSource.CLOSED ? await this.#findRefusal() : undefined;
    if (this.#isClosed || source !== this.#source) return;
    if (why === undefined) return this.#lose();
    this.#source?.close();
    this.#setLost(undefined);
    this.#setRefused(why);
    this.#tryLater();
  }

  /** @returns {Promise<string | undefined>} Why the broker gives no feed, if it says so. */
  async #findRefusal() {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(4000)]);
    try {
      const response = await fetch("/api/live", { signal });
      if (response.status !== 503) return undefined;
      const { detail } = await response.json();
      return typeof detail === "string" ? detail : undefined;
    } catch {
      return undefined;
    } finally {
      stop.abort();
    }
  }

  /** @param {any} snapshot */
  #hear(snapshot) {
    this.#heardAt = Date.now();
    this.#retryMs = 1000;
    const isMoved = this.last !== undefined && this.last.role !== snapshot.role;
    this.last = snapshot;
    // Another broker of the cluster has taken over, or this one has.
    if (isMoved) void this.#checkSession();
    this.#setLost(undefined);
    this.#setRefused(undefined);
    for (const listener of this.#listeners) listener(snapshot);
  }

  #checkSilence() {
    if (document.hidden) this.#heardAt = Math.max(this.#heardAt, Date.now() - SILENCE_MS / 2);
    else if (this.refusal !== undefined) return;
    else if (this.lostSince === undefined && Date.now() - this.#heardAt > SILENCE_MS) this.#lose();
  }

  #lose() {
    if (this.#isClosed) return;
    this.#source?.close();
    this.refusal = undefined;
    this.#setLost(this.lostSince ?? this.#heardAt);
    this.#tryLater();
  }

  #tryLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 1.5);
  }

  async #retry() {
    const session = await this.#checkSession();
    if (this.#isClosed) return;
    if (session === undefined) this.#lose();
    else this.#open();
  }

  /** @returns {Promise<any>} The session, or nothing if the broker does not answer. */
  async #checkSession() {
    try {
      const session = await ask("GET", "/api/session", { signal: AbortSignal.timeout(4000) });
      if (!this.#isClosed) this.events.onSession(session);
      return session;
    } catch {
      return undefined;
    }
  }

  /** @param {string | undefined} why */
  #setRefused(why) {
    if (why === this.refusal) return;
    this.refusal = why;
    this.events.onRefused(why);
  }

  /** @param {number | undefined} since */
  #setLost(since) {
    if (since === this.lostSince) return;
    this.lostSince = since;
    this.events.onLost(since);
  }
}

/** The points of a chart's time, oldest first; those beyond the limit are dropped. */
export class Points {
  /** @type {Point[]} */
  list = [];

  /**
   * Replaces all points by columns of equal length.
   *
   * @param {Record<string, any> | null} history
   */
  read(history) {
    const { stepMs: _, at = [], ...columns } = history ?? {};
    this.list = at.map((/** @type {number} */ time, /** @type {number} */ index) => ({
      at: time,
      ...Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[index]])),
    }));
  }

  /** @param {Point} point */
  add(point) {
    if (point.at <= (this.list.at(-1)?.at ?? 0)) return;
    this.list.push(point);
    if (this.list.length > POINTS_MAX) this.list.shift();
  }
}
