import { type BindFields, BrokerError } from "../../../protocol.ts";
import { findPatternMistake, findStreamNameMistake } from "../../protocol/limits.ts";
import { isDeadName } from "../../protocol/messages/stream_options.ts";
import type { StreamFilter } from "../engine.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import { NumberedStreams } from "../stream/numbered_streams.ts";
import { type NameMatcher, Selection } from "./selection.ts";
import type { Stream } from "../stream/stream.ts";

/**
 * Compiles a pattern to a matcher that takes time in proportion to the name.
 * Throws `BAD_PATTERN` if the pattern is invalid or not supported.
 */
export type PatternCompiler = (pattern: string, ignoreCase: boolean) => NameMatcher;

/** The most streams that a broker may have. */
export const STREAMS_MAX = 100_000;

/** The most streams in one page of an answer, and the most steps of a filter for it. */
const PAGE_STREAMS_MAX = 500;
const PAGE_STEPS_MAX = 4096;

/** The most patterns without members that are kept: their members may come back or are being opened. */
const IDLE_MAX = 64;

/**
 * The cost of compiling a pattern, in steps: a base, a factor for each step of a match, and one for each
 * character.
 */
const COMPILE_STEPS = 100;
const COMPILE_FACTOR = 10;
const COMPILE_LENGTH_FACTOR = 16;

/** The cost of a pattern that is refused: it may have grown large before that was found. */
const REFUSED_STEPS = 8192;

/** The most patterns that are prepared at a time. */
const PREPARED_MAX = 1024;

/** The streams that are looked through, for a page of them, in about the time of a step. */
const LISTED_PER_STEP = 16;

/** The most names of future streams whose matching patterns are remembered. */
const FINDINGS_MAX = 64;

/** What streams are looked for by: a pattern, a filter, or both. */
export interface Search {
  readonly bind?: BindFields;
  readonly filter?: StreamFilter | undefined;
}

/** The patterns that were tried on a name, and those that match it. */
interface PatternMatches {
  readonly seen: Set<Selection>;
  readonly matching: Set<Selection>;
}

/**
 * The streams by name, and those that a bind matches, now and later. Patterns are matched when a stream or
 * a pattern is new, never per message.
 */
export class Router {
  /** How many steps matching has taken, in all. */
  steps = 0;
  /** How many streams were removed, in all. */
  removedCount = 0;
  readonly #compilePattern: PatternCompiler;
  readonly #streams: TextMap<Stream>;
  readonly #numbered = new NumberedStreams();
  #lastFollowerNumber = 0;
  readonly #directFollowers: TextMap<Set<FollowerState>>;
  readonly #selections: TextMap<Selection>;
  /** The last pattern that was refused: it is asked for twice. */
  #refusal:
    | { readonly pattern: string; readonly ignoreCase: boolean; readonly message: string }
    | undefined;
  /** The patterns without members, the longest idle first. */
  readonly #idle = new Set<Selection>();
  /** The cost of trying all patterns on a name, in steps. */
  #patternSteps = 0;
  /** The patterns that were tried on names of future streams, by name. */
  readonly #findings: TextMap<PatternMatches>;

  /** @param hash The hash of names, which others may use too; without a secret key by default. */
  constructor(compilePattern: PatternCompiler, hash?: KeyedHash) {
    this.#compilePattern = compilePattern;
    this.#streams = new TextMap(hash);
    this.#directFollowers = new TextMap(hash);
    this.#selections = new TextMap(hash);
    this.#findings = new TextMap(hash);
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get patternCount(): number {
    return this.#selections.size;
  }

  get streams(): Iterable<Stream> {
    return this.#streams.values();
  }

  /**
   * One page of the streams, in the order in which they were created.
   *
   * @param after Only those with higher numbers.
   * @returns The streams, and the number of the last one that was tried if there are more behind it.
   */
  list(
    after: number,
    filter?: StreamFilter,
  ): { streams: readonly Stream[]; next: number | undefined } {
    const streams: Stream[] = [];
    const { steps = 0 } = filter ?? {};
    let tried = 0;
    let next: number | undefined;
    let last = after;
    for (const stream of this.#numbered.listBehind(after)) {
      if (streams.length === PAGE_STREAMS_MAX || tried * steps >= PAGE_STEPS_MAX) {
        next = last;
        break;
      }
      tried++;
      last = stream.number;
      if (filter === undefined || filter.allows(stream.name)) streams.push(stream);
    }
    this.steps += tried * steps + Math.floor(tried / LISTED_PER_STEP);
    return { streams, next };
  }

  /** The stream of that name, if there is one. */
  getStream(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  /** The stream of that number, if it is there. */
  getNumbered(number: number): Stream | undefined {
    return this.#numbered.get(number);
  }

  /** The stream of that name; throws `STREAM_NOT_FOUND` if it does not exist. */
  requireStream(name: string): Stream {
    const stream = this.#streams.get(name);
    if (stream !== undefined) return stream;
    throw new BrokerError("STREAM_NOT_FOUND", `Cannot find stream "${name}": it does not exist`);
  }

  /** The number of followers by pattern that a stream of that name would have. */
  countByPattern(name: string): number {
    let count = 0;
    for (const { followers } of this.#findSelections(name)) count += followers.size;
    return count;
  }

  /** The followers that wait for a stream of that name, if it does not exist. */
  findWaiting(name: string): readonly FollowerState[] {
    return this.#streams.has(name) ? [] : [...this.#directFollowers.get(name) ?? []];
  }

  /** Adds a stream; returns the followers whose binds match it. */
  addStream(stream: Stream): FollowerState[] {
    const followers = [...this.#directFollowers.get(stream.name) ?? []];
    for (const selection of this.#findSelections(stream.name)) {
      selection.add(stream);
      for (const follower of selection.followers) followers.push(follower);
    }
    this.#streams.set(stream.name, stream);
    this.#numbered.add(stream);
    this.#findings.delete(stream.name);
    return followers;
  }

  removeStream(stream: Stream): void {
    // Another stream may have the name by now.
    if (this.#streams.get(stream.name) === stream) this.#streams.delete(stream.name);
    this.#numbered.delete(stream.number);
    this.removedCount++;
    for (const selection of this.#selections.values()) selection.remove(stream);
  }

  /**
   * Does some of the slow work of opening a member: matches streams with its pattern. The rest is done
   * when the member is opened.
   *
   * @param search The member's bind; if it is not allowed, nothing is left to do.
   * @param stepsMax How many steps that may take.
   * @returns Whether nothing is left to do.
   */
  prepare(search: Search, stepsMax: number): boolean {
    if (search.bind?.bindType === "direct") return true;
    try {
      return this.look(this.#select(search), stepsMax);
    } catch (error) {
      if (error instanceof BrokerError) return true;
      throw error;
    }
  }

  /**
   * Does some of the slow work of creating a stream: matches its name with all patterns. The rest is done
   * when it is created.
   *
   * @param stepsMax How many steps that may take.
   * @returns Whether nothing is left to do.
   */
  prepareStream(name: string, stepsMax: number): boolean {
    if (this.#patternSteps <= stepsMax || this.#streams.has(name)) return true;
    return this.#find(this.#findingOf(name), name, stepsMax);
  }

  /** Adds a follower; returns the streams that its bind matches. Throws `BAD_…`. */
  addFollower(follower: FollowerState): readonly Stream[] {
    follower.number = ++this.#lastFollowerNumber;
    const { bind } = follower;
    const { routeString: name } = bind;
    if (bind.bindType === "regex") {
      const selection = this.complete(this.use(follower));
      selection.followers.add(follower);
      return selection.streams;
    }
    checkStreamName(name);
    const followers = this.#directFollowers.get(name) ?? new Set();
    this.#directFollowers.set(name, followers.add(follower));
    const stream = this.#streams.get(name);
    return stream === undefined ? [] : [stream];
  }

  removeFollower(follower: FollowerState): void {
    const { bind } = follower;
    if (bind.bindType === "regex") {
      const selection = this.#selections.get(keyOf(follower));
      if (selection?.followers.delete(follower)) this.release(selection);
      return;
    }
    const followers = this.#directFollowers.get(bind.routeString);
    followers?.delete(follower);
    if (followers?.size === 0) this.#directFollowers.delete(bind.routeString);
  }

  /** Makes sure that every stream has been matched with a pattern. */
  complete(selection: Selection): Selection {
    if (!selection.isComplete) this.look(selection, Infinity);
    return selection;
  }

  /** Matches more streams with a pattern; returns whether nothing is left. */
  look(selection: Selection, stepsMax: number): boolean {
    this.steps += selection.look(this.#numbered, stepsMax);
    return selection.isComplete;
  }

  /** Notes that a member is no longer bound to a pattern. */
  release(selection: Selection): void {
    if (--selection.userCount > 0) return;
    if (selection.isComplete) this.#idle.add(selection);
    else this.#forget(selection);
    this.#forgetIdle();
  }

  /**
   * Sets the filter of a follower's pattern; returns the streams that it finds now. All of them are tried
   * at once: what is no longer allowed must end in the same turn.
   */
  refilter(follower: FollowerState, filter: StreamFilter | undefined): readonly Stream[] {
    const selection = this.complete(this.use({ bind: follower.bind, filter }));
    this.removeFollower(follower);
    follower.filter = filter;
    selection.followers.add(follower);
    return selection.streams;
  }

  /** Notes that a member is bound to a pattern, until {@linkcode Router.release}. */
  use(search: Search): Selection {
    const selection = this.#select(search);
    selection.userCount++;
    this.#idle.delete(selection);
    return selection;
  }

  /** The selection of a pattern; a new one is idle at first. */
  #select(search: Search): Selection {
    const key = keyOf(search);
    const known = this.#selections.get(key);
    if (known !== undefined) return known;
    const selection = new Selection(key, this.#makeMatcher(search), this.#numbered.last);
    this.#selections.set(key, selection);
    this.#patternSteps += selection.steps;
    this.steps += COMPILE_FACTOR * selection.steps;
    this.#idle.add(selection);
    this.#forgetIdle();
    return selection;
  }

  /** Compiles a pattern, and counts the work: one that is refused may take longest. */
  #compile({ routeString, ignoreCase }: BindFields): NameMatcher {
    const refusal = this.#refusal;
    if (refusal?.pattern === routeString && refusal.ignoreCase === ignoreCase) {
      throw new BrokerError("BAD_PATTERN", refusal.message);
    }
    this.steps += COMPILE_STEPS + COMPILE_LENGTH_FACTOR * routeString.length;
    try {
      return this.#compilePattern(routeString, ignoreCase);
    } catch (error) {
      this.steps += REFUSED_STEPS;
      // Not the error itself: its stack would keep a session that has ended.
      const { message } = error as BrokerError;
      this.#refusal = { pattern: routeString, ignoreCase, message };
      throw error;
    }
  }

  #forgetIdle(): void {
    for (const selection of this.#idle) {
      if (this.#idle.size <= IDLE_MAX) return;
      // A pattern that is being prepared is dropped only if there are many of them.
      if (!selection.isComplete && this.#idle.size <= PREPARED_MAX) continue;
      this.#forget(selection);
    }
  }

  #forget(selection: Selection): void {
    this.#idle.delete(selection);
    if (this.#selections.delete(selection.key)) this.#patternSteps -= selection.steps;
  }

  /** The patterns that match a name; kept, since a stream's followers are counted before it exists. */
  #findSelections(name: string): readonly Selection[] {
    const finding = this.#findingOf(name);
    this.#find(finding, name, Infinity);
    return [...finding.matching].filter((one) => this.#selections.get(one.key) === one);
  }

  /** Tries more patterns on a name; returns whether all were tried. */
  #find({ seen, matching }: PatternMatches, name: string, stepsMax: number): boolean {
    let left = stepsMax;
    for (const selection of this.#selections.values()) {
      if (seen.has(selection)) continue;
      if (left <= 0) return false;
      left -= selection.steps;
      this.steps += selection.steps;
      seen.add(selection);
      if (selection.matches(name)) matching.add(selection);
    }
    return true;
  }

  #findingOf(name: string): PatternMatches {
    const known = this.#findings.get(name);
    if (known !== undefined) return known;
    const finding: PatternMatches = { seen: new Set(), matching: new Set() };
    this.#findings.set(name, finding);
    for (const oldest of this.#findings.keys()) {
      if (this.#findings.size <= FINDINGS_MAX) break;
      this.#findings.delete(oldest);
    }
    return finding;
  }

  #makeMatcher({ bind, filter }: Search): NameMatcher {
    const matches: NameMatcher = bind === undefined ? () => true : this.#makePatternMatcher(bind);
    if (filter === undefined) return matches;
    // The filter first: what it refuses costs no search.
    return Object.assign((name: string) => filter.allows(name) && matches(name), {
      steps: filter.steps + (matches.steps ?? 1),
    });
  }

  #makePatternMatcher(bind: BindFields): NameMatcher {
    const { routeString } = bind;
    const mistake = findPatternMistake(routeString);
    if (mistake !== undefined) {
      throw new BrokerError("BAD_PATTERN", `Cannot bind to a pattern: ${mistake}`);
    }
    const matches = this.#compile(bind);
    // A follower of all orders does not mean dead letters, and would get them again and again.
    const meansDead = /dead/i.test(routeString);
    if (meansDead) return matches;
    return Object.assign((name: string) => !isDeadName(name) && matches(name), {
      steps: matches.steps ?? 1,
    });
  }
}

/** The key of a search; the length keeps pattern and filter apart. */
function keyOf({ bind, filter }: Search): string {
  const { routeString = "", ignoreCase = false } = bind ?? {};
  const pattern = `${ignoreCase ? "i" : "-"}${routeString}`;
  return filter === undefined ? pattern : `${pattern.length}${pattern}${filter.key}`;
}

/** Throws `BAD_STREAM_NAME` if a name is not allowed. */
export function checkStreamName(name: string): void {
  const mistake = findStreamNameMistake(name);
  if (mistake === undefined) return;
  throw new BrokerError("BAD_STREAM_NAME", `Cannot use a stream name: ${mistake}`);
}
