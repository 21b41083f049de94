import { findPatternMistake, findStreamNameMistake } from "../../protocol/limits.ts";

/** The kind of a {@linkcode Bind}'s `routeString`: a stream's name (`direct`) or a pattern (`regex`). */
export type BindType = "direct" | "regex";

/** A value that is accepted as a bind: a stream's name, a `RegExp` or a {@linkcode Bind}. */
export type BindLike = string | RegExp | Bind;

/**
 * Ties a publisher or a follower to one stream (direct), or to every stream whose name matches a
 * pattern (regex), including streams that are created later.
 *
 * A pattern may match anywhere in the name; use `^` and `$` to match all of it. Patterns run on the
 * broker in a linear-time engine, which refuses lookaround and backreferences with `BAD_PATTERN`.
 *
 * @example Three ways to make a bind
 * ```ts
 * import { Bind } from "@simplemq/simplemq";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Bind.from("orders").bindType, "direct");
 * assertEquals(Bind.from(/^orders\./).routeString, "^orders\\.");
 * assertEquals(Bind.regex("^orders").bindType, "regex");
 * ```
 */
export class Bind {
  /** The stream's name, or the pattern. */
  readonly routeString: string;
  /** Whether `routeString` is a name (`direct`) or a pattern (`regex`). */
  readonly bindType: BindType;
  /** Whether the pattern ignores case. */
  readonly ignoreCase: boolean;

  private constructor(routeString: string, bindType: BindType, ignoreCase: boolean) {
    this.routeString = routeString;
    this.bindType = bindType;
    this.ignoreCase = ignoreCase;
    Object.freeze(this);
  }

  /**
   * Binds to one stream.
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
   * Binds to every stream whose name matches.
   *
   * @param pattern The pattern, in the syntax that RE2 and JavaScript share.
   * @param options `ignoreCase` is `false` by default.
   * @throws {RangeError} If the pattern is empty or too long.
   */
  static regex(pattern: string, options: { ignoreCase?: boolean } = {}): Bind {
    const mistake = findPatternMistake(pattern);
    if (mistake !== undefined) throw new RangeError(`Cannot bind: ${mistake}`);
    return new Bind(pattern, "regex", options.ignoreCase ?? false);
  }

  /**
   * Makes a bind: direct from a string, regex from a `RegExp`.
   *
   * @param bind A stream's name, a `RegExp` without flags other than `i`, or a bind.
   * @throws {TypeError} If it is something else, or the `RegExp` has another flag.
   * @throws {RangeError} If the name or the pattern is not allowed.
   */
  static from(bind: BindLike): Bind {
    if (bind instanceof Bind) return bind;
    if (typeof bind === "string") return Bind.direct(bind);
    if (!(bind instanceof RegExp)) {
      throw new TypeError("Cannot bind: a stream name, a RegExp or a Bind is needed");
    }
    const { source, flags, ignoreCase } = bind;
    if (flags.replace("i", "") !== "") {
      throw new TypeError(`Cannot bind to ${bind}: the only flag allowed is i, found "${flags}"`);
    }
    return Bind.regex(source, { ignoreCase });
  }
}
