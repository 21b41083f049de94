import type { FollowerState } from "../share/follower_state.ts";
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
  /** Streams older than the pattern that were not tried yet. */
  #unseen: readonly Stream[];
  #seenCount = 0;
  /** The streams as an immutable list; made anew after changes. */
  #list: readonly Stream[] | undefined;

  constructor(key: string, matches: NameMatcher, streams: readonly Stream[]) {
    this.key = key;
    this.#matches = matches;
    this.#unseen = streams;
  }

  get steps(): number {
    return this.#matches.steps ?? 1;
  }

  get isComplete(): boolean {
    return this.#seenCount === this.#unseen.length;
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
   * @param stepsMax The most steps; one stream is tried in any case.
   * @param isThere Whether a stream still exists.
   * @returns The steps that it took.
   */
  look(stepsMax: number, isThere: (stream: Stream) => boolean): number {
    let steps = 0;
    while (steps < stepsMax && this.#seenCount < this.#unseen.length) {
      const stream = this.#unseen[this.#seenCount++]!;
      if (!isThere(stream)) continue;
      steps += this.steps;
      if (this.#matches(stream.name)) this.add(stream);
    }
    if (this.isComplete && this.#seenCount > 0) {
      this.#unseen = [];
      this.#seenCount = 0;
    }
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
