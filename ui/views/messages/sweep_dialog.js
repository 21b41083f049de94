/**
 * Dialogs that redrive or drop messages: all that a filter finds, or chosen ones. What would happen is counted
 * first.
 *
 * @module
 */

import { apiPath, ask } from "../../parts/api.js";
import { confirmFirst, Dialog } from "../../parts/dialog.js";
import { el, fill } from "../../parts/element.js";
import { count, counted } from "../../parts/format.js";
import { tell } from "../../parts/notices.js";
import { ScanLine } from "../../parts/lists/scan.js";
import { messageFilter } from "./message_filter.js";

/** @typedef {"redrive" | "drop" | "cancel"} Sweep */

const TEXTS = {
  redrive: {
    title: "Redrive dead letters of",
    about:
      "Dead letters go back to the stream they came from, and are delivered again with no attempts counted. Fix what made them fail first.",
    verb: "Redrive",
    done: "sent back",
  },
  drop: {
    title: "Drop dead letters of",
    about: "Messages are removed for good. Those that a follower holds stay.",
    verb: "Drop",
    done: "dropped",
  },
  cancel: {
    title: "Cancel messages of",
    about:
      "Messages are removed for good, wherever they are. A follower that works on one loses it, and is told.",
    verb: "Cancel",
    done: "cancelled",
  },
};

/**
 * Asks for a filter, counts what it finds, then does it.
 *
 * @param {string} name
 * @param {Sweep} sweep
 * @param {() => void} onDone
 */
export function sweepMessages(name, sweep, onDone) {
  const texts = TEXTS[sweep];
  const filter = messageFilter(true);
  const line = new ScanLine();
  const told = el(
    "p",
    { class: "told", role: "status" },
    "Nothing is changed before you have seen the count.",
  );
  let matched = 0;
  const go = async (/** @type {boolean} */ dryRun, /** @type {AbortSignal} */ signal) => {
    const sums = await runSweep({ name, sweep, dryRun, filter: filter.read(), line, signal });
    if (!dryRun) {
      const stayed = sums.skipped === 0
        ? ""
        : `; ${count(sums.skipped)} stayed: held by a follower, or gone`;
      tell(`${counted(sums.count, "message")} of "${name}" ${texts.done}${stayed}.`);
      onDone();
      return sums.isStopped ? "stay" : undefined;
    }
    matched = sums.matched;
    const part = sums.isStopped ? " so far; the scan was stopped" : "";
    fill(told, `${counted(matched, "message")} would be ${texts.done}${part}.`);
    ready();
    return "stay";
  };
  const dialog = new Dialog({
    title: `${texts.title} ${name.replace(/\.dead$/, "")}`,
    content: [el("p", {}, texts.about), filter.element, line.element, told],
    onClose: () => line.stop(),
    actions: [
      { label: "Count", kind: "usual", run: (signal) => go(true, signal) },
      {
        label: texts.verb,
        kind: sweep === "redrive" ? "main" : "danger",
        run: (signal) => go(false, signal),
      },
    ],
  });
  const [, act] = dialog.buttons;
  const ready = () => {
    act.hidden = matched === 0;
    fill(act, `${texts.verb} ${counted(matched, "message")}`);
  };
  ready();
  filter.element.addEventListener("input", () => {
    matched = 0;
    ready();
    fill(told, "Count again: the filter has changed.");
  });
  return dialog;
}

/**
 * @param {object} options
 * @param {string} options.name
 * @param {Sweep} options.sweep
 * @param {boolean} options.dryRun
 * @param {Record<string, string>} options.filter
 * @param {ScanLine} options.line
 * @param {AbortSignal} options.signal
 */
async function runSweep({ name, sweep, dryRun, filter, line, signal }) {
  const sums = { matched: 0, count: 0, skipped: 0, isStopped: false };
  const { isStopped } = await line.run({
    signal,
    load: (from, until, stop) =>
      ask("POST", apiPath("streams", name, sweep), {
        body: { filter, dryRun, from, until },
        signal: stop,
      }),
    onStep: (step) => {
      sums.matched += step.matched;
      sums.count += step.count;
      sums.skipped += step.skipped;
    },
    describe: () =>
      dryRun ? `${count(sums.matched)} found` : `${count(sums.count)} ${TEXTS[sweep].done}`,
  });
  sums.isStopped = isStopped;
  return sums;
}

/**
 * Asks, then sweeps chosen messages.
 *
 * @param {string} name
 * @param {Sweep} sweep
 * @param {number[]} ids
 * @param {(text: string) => void} onDone
 */
export function sweepIds(name, sweep, ids, onDone) {
  const { about, verb, done } = TEXTS[sweep];
  const messages = ids.length === 1 ? `message ${count(ids[0])}` : counted(ids.length, "message");
  return confirmFirst({
    title: `${verb} ${messages} of ${name}?`,
    sentences: [about],
    label: `${verb} ${messages}`,
    kind: sweep === "redrive" ? "main" : "danger",
    run: async (signal) => {
      const sums = await ask("POST", apiPath("streams", name, sweep), { body: { ids }, signal });
      const stayed = sums.skipped === 0
        ? ""
        : `; ${count(sums.skipped)} ${
          sweep === "cancel" ? "were" : "stayed: held by a follower, or"
        } gone`;
      onDone(`${counted(sums.count, "message")} of "${name}" ${done}${stayed}.`);
    },
  });
}
