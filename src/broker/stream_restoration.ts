/**
 * What is gathered while a stream is made again of events that were written down: how often its
 * messages were worked on. In the end all that is left is ready, since nobody holds anything.
 *
 * @module
 */

import type { Backlog } from "./backlog.ts";
import { ReadyList, type ReadyRun } from "./ready_list.ts";

/** So many notes are gathered before those are dropped whose messages are gone. */
const NOTES_MIN = 1024;

/** The notes about one stream. */
export class StreamRestoration {
  readonly #backlog: Backlog;
  /** In the order in which they came: a later one counts. */
  #notes: ReadyRun[] = [];
  #pruneAt = NOTES_MIN;

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
  }

  /** Notes how often messages were worked on. */
  noteAttempts(note: ReadyRun): void {
    this.#notes.push(note);
    if (this.#notes.length < this.#pruneAt) return;
    this.#notes = this.#notes.filter(({ firstId, count }) =>
      this.#backlog.findRuns({ fromId: firstId, toId: firstId + count }).length > 0
    );
    this.#pruneAt = Math.max(NOTES_MIN, this.#notes.length * 2);
  }

  /** Lists what is ready: at the end of the ids what was never worked on, before it all else. */
  makeReadyList(nextId: number): ReadyList {
    const attempts = this.#listAttempts();
    let freshId = 1;
    for (const id of attempts.keys()) freshId = Math.max(freshId, id + 1);
    const runs = this.#backlog.findRuns();
    const last = runs.at(-1);
    if (last === undefined || last.firstId + last.count !== nextId) freshId = nextId;
    else freshId = Math.max(freshId, last.firstId);
    const ready = new ReadyList(freshId);
    for (const { firstId, count } of runs) {
      giveBackByAttempts(ready, firstId, Math.min(firstId + count, freshId), attempts);
    }
    ready.append(nextId - freshId);
    return ready;
  }

  /** The attempts of single messages that are still there. */
  #listAttempts(): Map<number, number> {
    const attempts = new Map<number, number>();
    for (const note of this.#notes) {
      for (
        const run of this.#backlog.findRuns({
          fromId: note.firstId,
          toId: note.firstId + note.count,
        })
      ) {
        for (let id = run.firstId; id < run.firstId + run.count; id++) {
          if (note.attempts > 0) attempts.set(id, note.attempts);
          else attempts.delete(id);
        }
      }
    }
    return attempts;
  }
}

/** Makes messages ready in runs that have been worked on equally often. */
function giveBackByAttempts(
  ready: ReadyList,
  firstId: number,
  endId: number,
  attempts: ReadonlyMap<number, number>,
): void {
  for (let id = firstId; id < endId;) {
    const times = attempts.get(id) ?? 0;
    let end = id + 1;
    while (end < endId && (attempts.get(end) ?? 0) === times) end++;
    ready.giveBack({ firstId: id, count: end - id, attempts: times });
    id = end;
  }
}
