import type { WorkLife } from "../work_parts.ts";

/** What was set for a lane; null for what its stream's options say. */
export type LaneWish = { readonly maxPending: number | null; readonly isPaused: boolean } | null;

interface Change {
  readonly wish: LaneWish;
  readonly life: WorkLife;
}

/** The settings of one lane, as far as they are known. */
interface Entry {
  /** What was confirmed last; what was asked for since; and what holds in the last process that was asked. */
  confirmed: LaneWish;
  unsure: Change[];
  current: Change | undefined;
}

/** What was set for lanes, and confirmed: other settings than these must not be in force. */
export class LaneBook {
  readonly #entries = new Map<string, Entry>();

  /** A broker is asked to set something, and does. */
  set(place: string, wish: LaneWish, life: WorkLife): { confirm(): void } {
    const entry = this.#entries.getOrInsertComputed(place, () => {
      return { confirmed: null, unsure: [], current: undefined };
    });
    const change = { wish, life };
    entry.unsure.push(change);
    entry.current = change;
    return {
      confirm: () => {
        // All that was asked before is settled with it.
        const index = entry.unsure.indexOf(change);
        if (index < 0) return;
        entry.unsure.splice(0, index + 1);
        entry.confirmed = wish;
      },
    };
  }

  /** What may be in force in a process. */
  list(place: string, life: WorkLife): LaneWish[] {
    const entry = this.#entries.get(place);
    if (entry === undefined) return [null];
    if (entry.current?.life === life) return [entry.current.wish];
    return [entry.confirmed, ...entry.unsure.map(({ wish }) => wish)];
  }
}
