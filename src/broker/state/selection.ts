import type { FollowerState } from "../share/follower_state.ts";
import type { NumberedStreams } from "../stream/numbered_streams.ts";
import type { Stream } from "../stream/stream.ts";

export interface NameMatcher {
  (name: string): boolean;
  /** The cost of a match, in steps of about a microsecond; 1 by default. */
  readonly steps?: number;
}

/**
 * One pattern with the streams that it matches: each name is matched once, however many members are
 * bound to the pattern.
 */
export class Selection {
  readonly key: string;
  readonly followers: Set<FollowerState> = new Set();
  /** How many publishers and followers are bound to it. */
  userCount = 0;
  readonly #matches: NameMatcher;
  readonly #streams = new Set<Stream>();
  /** The number of the last stream that is older than the pattern, and of the last one of these that was tried. */
  readonly #lastOld: number;
  #lastSeen = 0;
  /** The streams as an immutable list; made anew after changes. */
  #list: readonly Stream[] | undefined;

  /** @param lastOld The highest number of a stream that is there: later ones are added. */
  constructor(key: string, matches: NameMatcher, lastOld: number) {
    this.key = key;
    this.#matches = matches;
    this.#lastOld = lastOld;
  }

  get steps(): number {
    return this.#matches.steps ?? 1;
  }

  get isComplete(): boolean {
    return this.#lastSeen === this.#lastOld;
  }

  /** The streams that match; all were tried. */
  get streams(): readonly Stream[] {
    this.#list ??= [...this.#streams];
    return this.#list;
  }

  matches(name: string): boolean {
    return this.#matches(name);
  }

  /**
   * Tries streams that were not tried yet.
   *
   * @param streams All streams by number: a list of them would take longer than a turn has.
   * @param stepsMax The most steps; one stream is tried in any case.
   * @returns The steps that it took.
   */
  look(streams: NumberedStreams, stepsMax: number): number {
    if (this.isComplete) return 0;
    let steps = 0;
    for (const stream of streams.listBehind(this.#lastSeen)) {
      if (stream.number > this.#lastOld) break;
      if (steps >= stepsMax) return steps;
      this.#lastSeen = stream.number;
      steps += this.steps;
      if (this.#matches(stream.name)) this.add(stream);
    }
    this.#lastSeen = this.#lastOld;
    return steps;
  }

  add(stream: Stream): void {
    this.#streams.add(stream);
    this.#list = undefined;
  }

  remove(stream: Stream): void {
    if (this.#streams.delete(stream)) this.#list = undefined;
  }
}
