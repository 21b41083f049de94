import type { WorkCopy } from "./work_copy.ts";
import type { WorkLife } from "../work_parts.ts";

/** The order of messages of a key in a lane, over all followers and all processes. */
export class KeyOrder {
  readonly #report: (what: string) => void;
  readonly #lists = new Map<string, WorkCopy[]>();

  constructor(report: (what: string) => void) {
    this.#report = report;
  }

  /** A message is known to be stored, under its id. */
  add(copy: WorkCopy): void {
    if (!hasOrder(copy)) return;
    const list = this.#lists.getOrInsertComputed(placeOf(copy), () => []);
    if (!list.includes(copy)) list.push(copy);
  }

  /** A handler gets a message: those before it are gone, or somebody has done what ends them. */
  begin(copy: WorkCopy, life: WorkLife): void {
    if (!hasOrder(copy)) return;
    const list = this.#lists.get(placeOf(copy)) ?? [];
    for (const other of list) {
      if (other.id! >= copy.id! || other.goneFor !== undefined || other.endedIn.has(life)) continue;
      // Those behind it may have gone before it was due, and have the key.
      if (other.isDelayed) continue;
      if (other.mustBeThere) this.#report(`${life.name}: ${copy} goes before ${other}`);
      else other.skipped = { life, by: copy.label };
    }
    this.#lists.set(placeOf(copy), list.filter(({ goneFor }) => goneFor === undefined));
  }

  /** A message is delivered: none behind it has begun before. */
  deliver(copy: WorkCopy, life: WorkLife): void {
    if (copy.skipped?.life !== life || copy.endedIn.has(life)) return;
    this.#report(`${life.name}: ${copy.skipped.by} went before ${copy}`);
  }
}

/** Messages that wait for a quiet time, or come in the place of others, have another order. */
function hasOrder({ key, coalesce }: WorkCopy): boolean {
  return key !== undefined && coalesce === undefined;
}

function placeOf({ stream, lane, key }: WorkCopy): string {
  return `${stream.name} ${lane ?? ""} ${key}`;
}
