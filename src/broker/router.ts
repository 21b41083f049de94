/**
 * Which streams there are, and which of them a bind matches, now and when new ones come.
 *
 * Patterns are matched when a stream or a member is new, never per message.
 *
 * @module
 */

import { type BindFields, BrokerError, findPatternMistake } from "../../protocol.ts";
import { findStreamNameMistake, isDeadName } from "../../protocol.ts";
import type { Follower } from "./follower.ts";
import type { Stream } from "./stream.ts";

/** Tells whether a stream's name matches. */
export type NameMatcher = (name: string) => boolean;

/**
 * Makes a matcher of a pattern, one that takes time in proportion to the name, whatever the pattern.
 * Throws `BAD_PATTERN` if the pattern is invalid or not supported.
 */
export type PatternCompiler = (pattern: string, ignoreCase: boolean) => NameMatcher;

/** The streams that a publisher's bind matches, kept until streams come or go. */
export class Route {
  /** What the publisher is tied to. */
  readonly bind: BindFields;
  readonly #matches: NameMatcher;
  #streams: readonly Stream[] = [];
  #version = -1;

  constructor(bind: BindFields, matches: NameMatcher) {
    this.bind = bind;
    this.#matches = matches;
  }

  /** The streams that match now. */
  resolve(router: Router): readonly Stream[] {
    if (this.#version !== router.version) {
      this.#version = router.version;
      this.#streams = router.find(this.bind, this.#matches);
    }
    return this.#streams;
  }

  /** Why a publisher's messages have nowhere to go. */
  explainNoStream(): BrokerError {
    const { bindType, routeString } = this.bind;
    if (bindType === "regex") {
      return new BrokerError(
        "NO_MATCHING_STREAM",
        `Cannot publish to /${routeString}/: no stream's name matches`,
      );
    }
    return new BrokerError(
      "STREAM_NOT_FOUND",
      `Cannot publish to "${routeString}": no such stream`,
    );
  }
}

/** The streams by name, and who is bound to what. */
export class Router {
  readonly #compilePattern: PatternCompiler;
  readonly #streams = new Map<string, Stream>();
  readonly #numbered = new Map<number, Stream>();
  readonly #directFollowers = new Map<string, Set<Follower>>();
  readonly #regexFollowers = new Map<Follower, NameMatcher>();
  #version = 0;

  constructor(compilePattern: PatternCompiler) {
    this.#compilePattern = compilePattern;
  }

  /** Changes whenever a stream comes or goes. */
  get version(): number {
    return this.#version;
  }

  /** How many streams there are. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** All streams. */
  get streams(): Iterable<Stream> {
    return this.#streams.values();
  }

  /** The stream of that name, if there is one. */
  getStream(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  /** The stream of that number, if it is there. */
  getNumbered(number: number): Stream | undefined {
    return this.#numbered.get(number);
  }

  /** The stream of that name; throws `STREAM_NOT_FOUND` if there is none. */
  requireStream(name: string): Stream {
    const stream = this.#streams.get(name);
    if (stream !== undefined) return stream;
    throw new BrokerError("STREAM_NOT_FOUND", `Cannot find stream "${name}": there is none`);
  }

  /** How many followers a stream of that name would have. */
  countFollowers(name: string): number {
    let count = this.#directFollowers.get(name)?.size ?? 0;
    for (const matches of this.#regexFollowers.values()) if (matches(name)) count++;
    return count;
  }

  /** The followers that are tied to a stream of that name, if there is none. */
  findWaiting(name: string): readonly Follower[] {
    return this.#streams.has(name) ? [] : [...this.#directFollowers.get(name) ?? []];
  }

  /** Adds a stream; returns the followers whose binds match it. */
  addStream(stream: Stream): Follower[] {
    this.#streams.set(stream.name, stream);
    this.#numbered.set(stream.number, stream);
    this.#version++;
    const followers = [...this.#directFollowers.get(stream.name) ?? []];
    for (const [follower, matches] of this.#regexFollowers) {
      if (matches(stream.name)) followers.push(follower);
    }
    return followers;
  }

  /** Takes a stream away. */
  removeStream(stream: Stream): void {
    // Another one may have the name by now.
    if (this.#streams.get(stream.name) === stream) this.#streams.delete(stream.name);
    this.#numbered.delete(stream.number);
    this.#version++;
  }

  /** Checks a publisher's bind and makes a route of it; throws `BAD_…` if it is not allowed. */
  makeRoute(bind: BindFields): Route {
    return new Route(bind, this.#makeMatcher(bind));
  }

  /** Adds a follower; returns the streams that its bind matches. Throws `BAD_…`. */
  addFollower(follower: Follower): readonly Stream[] {
    const { bind } = follower;
    const matches = this.#makeMatcher(bind);
    if (bind.bindType === "regex") {
      this.#regexFollowers.set(follower, matches);
    } else {
      const followers = this.#directFollowers.get(bind.routeString) ?? new Set();
      this.#directFollowers.set(bind.routeString, followers.add(follower));
    }
    return this.find(bind, matches);
  }

  /** Takes a follower away. */
  removeFollower(follower: Follower): void {
    this.#regexFollowers.delete(follower);
    const { routeString } = follower.bind;
    const followers = this.#directFollowers.get(routeString);
    followers?.delete(follower);
    if (followers?.size === 0) this.#directFollowers.delete(routeString);
  }

  /** The streams that a bind matches now. */
  find(bind: BindFields, matches: NameMatcher): readonly Stream[] {
    if (bind.bindType === "regex") {
      return [...this.#streams.values()].filter((stream) => matches(stream.name));
    }
    const stream = this.#streams.get(bind.routeString);
    return stream === undefined ? [] : [stream];
  }

  #makeMatcher(bind: BindFields): NameMatcher {
    const { routeString } = bind;
    if (bind.bindType === "direct") {
      checkStreamName(routeString);
      return (name) => name === routeString;
    }
    const mistake = findPatternMistake(routeString);
    if (mistake !== undefined) {
      throw new BrokerError("BAD_PATTERN", `Cannot bind to a pattern: ${mistake}`);
    }
    const matches = this.#compilePattern(routeString, bind.ignoreCase);
    // Whoever works on all orders does not mean the dead ones, and would get them again and again.
    const meansDead = /dead/i.test(routeString);
    return meansDead ? matches : (name) => !isDeadName(name) && matches(name);
  }
}

/** Throws `BAD_STREAM_NAME` if a name is not allowed. */
export function checkStreamName(name: string): void {
  const mistake = findStreamNameMistake(name);
  if (mistake === undefined) return;
  throw new BrokerError("BAD_STREAM_NAME", `Cannot use a stream name: ${mistake}`);
}
