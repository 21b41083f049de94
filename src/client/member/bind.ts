/**
 * What a publisher or a follower is tied to: one stream, or all whose names match a pattern.
 *
 * @module
 */

import type { BindFields } from "../../../protocol.ts";
import { findPatternMistake, findStreamNameMistake } from "../../protocol/limits.ts";

/** How a bind's `routeString` is to be understood. */
export type BindType = "direct" | "regex";

/** Everything that is taken where a bind is wanted: a stream's name, a `RegExp`, a {@linkcode Bind}. */
export type BindLike = string | RegExp | Bind;

/**
 * A tie to one stream (direct) or to every stream whose name matches (regex), also those that are
 * created later.
 *
 * Matching is a search: the pattern may match anywhere in the name. It runs on the broker, in an
 * engine that takes linear time; lookaround and backreferences are refused there, with `BAD_PATTERN`.
 *
 * @example Three ways to say it
 * ```ts
 * import { Bind } from "@simplemq/simplemq";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Bind.from("orders").bindType, "direct");
 * assertEquals(Bind.from(/^orders\./).routeString, "^orders\\.");
 * assertEquals(Bind.regex("^orders").bindType, "regex");
 * ```
 */
export class Bind implements BindFields {
  /** The stream's name, or the pattern. */
  readonly routeString: string;
  /** Whether it is a name (`direct`) or a pattern (`regex`). */
  readonly bindType: BindType;
  /** Whether a pattern matches without regard to case. */
  readonly ignoreCase: boolean;

  private constructor(routeString: string, bindType: BindType, ignoreCase: boolean) {
    this.routeString = routeString;
    this.bindType = bindType;
    this.ignoreCase = ignoreCase;
    Object.freeze(this);
  }

  /**
   * Ties to one stream.
   *
   * @param name The stream's name.
   * @throws {RangeError} If the name is not allowed.
   */
  static direct(name: string): Bind {
    const mistake = findStreamNameMistake(name);
    if (mistake !== undefined) throw new RangeError(`Cannot bind: ${mistake}`);
    return new Bind(name, "direct", false);
  }

  /**
   * Ties to every stream whose name matches.
   *
   * @param pattern The pattern, in the syntax that RE2 and JavaScript share.
   * @param options Whether case counts.
   * @throws {RangeError} If the pattern is empty or too long.
   */
  static regex(pattern: string, options: { ignoreCase?: boolean } = {}): Bind {
    const mistake = findPatternMistake(pattern);
    if (mistake !== undefined) throw new RangeError(`Cannot bind: ${mistake}`);
    return new Bind(pattern, "regex", options.ignoreCase ?? false);
  }

  /**
   * Makes a bind of whatever stands for one: a string is a direct bind, a `RegExp` a regex bind.
   *
   * @param bind A stream's name, a `RegExp` with no flag but `i`, or a bind.
   * @throws {TypeError} If it is something else, or a `RegExp` has another flag.
   * @throws {RangeError} If the name or the pattern is not allowed.
   */
  static from(bind: BindLike): Bind {
    if (bind instanceof Bind) return bind;
    if (typeof bind === "string") return Bind.direct(bind);
    if (!(bind instanceof RegExp)) {
      throw new TypeError(`Cannot bind: a stream name, a RegExp or a Bind is needed`);
    }
    const { source, flags, ignoreCase } = bind;
    if (flags.replace("i", "") !== "") {
      throw new TypeError(`Cannot bind to ${bind}: the only flag allowed is i, found "${flags}"`);
    }
    return Bind.regex(source, { ignoreCase });
  }
}
