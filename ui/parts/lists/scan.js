/**
 * Scans of streams, in steps that the broker bounds: with a progress bar, and a button that stops them.
 *
 * @module
 */

import { el, fill } from "../element.js";
import { counted } from "../format.js";

/**
 * @typedef {object} Step
 * @property {number} scanned
 * @property {number} from
 * @property {number} until
 * @property {number} [next] Where the next step begins; nothing if this was the last.
 */

/** The line that tells how far a scan is. */
export class ScanLine {
  #stop = new AbortController();

  constructor() {
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress of the scan" });
    this.text = el("span", { role: "status" });
    this.button = el("button", { type: "button" }, "Stop");
    this.button.addEventListener("click", () => this.stop());
    this.element = el("div", { class: "scan", hidden: true }, this.bar, this.text, this.button);
    this.isRunning = false;
  }

  stop() {
    this.#stop.abort();
  }

  /**
   * Asks for one step after the other.
   *
   * @param {object} options
   * @param {number} [options.from]
   * @param {number} [options.until]
   * @param {(from: number | undefined, until: number | undefined, signal: AbortSignal) => Promise<any>} options.load
   * @param {(step: any) => boolean | void} options.onStep Returns `true` if that is enough.
   * @param {AbortSignal} options.signal
   * @param {() => string} options.describe What was found so far.
   * @returns {Promise<{ next: number | undefined, until: number | undefined, isStopped: boolean }>} Where a scan
   * goes on that is not finished.
   */
  async run({ from, until, load, onStep, signal, describe }) {
    this.stop();
    this.#stop = new AbortController();
    const stop = this.#stop;
    let scanned = 0;
    let next = from;
    let end = until;
    let first = from;
    this.element.hidden = this.button.hidden = false;
    this.isRunning = true;
    this.#show(0, "Scanning …");
    try {
      while (!stop.signal.aborted) {
        const step = await load(next, end, AbortSignal.any([stop.signal, signal]));
        if (stop.signal.aborted) break;
        first ??= step.from;
        scanned += step.scanned;
        next = step.next;
        end = step.until;
        const isEnough = onStep(step) === true;
        const share = next === undefined
          ? 1
          : (next - Number(first)) / Math.max(1, Number(end) - Number(first));
        this.#show(share, `${counted(scanned, "message")} scanned, ${describe()}`);
        if (next === undefined || isEnough) break;
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      if (stop === this.#stop) this.#end(stop.signal.aborted);
    }
    return { next, until: end, isStopped: stop.signal.aborted };
  }

  /** @param {boolean} isStopped */
  #end(isStopped) {
    this.isRunning = false;
    this.button.hidden = true;
    if (isStopped) this.text.append(" – stopped");
  }

  /**
   * @param {number} share
   * @param {string} text
   */
  #show(share, text) {
    this.bar.value = share;
    fill(this.text, text);
  }
}
