/**
 * Patterns of regex binds, compiled by an engine that takes linear time whatever the pattern and the
 * name: a client's pattern can not stop the broker.
 *
 * @module
 */

import { RE2JS } from "re2js";
import { BrokerError } from "../../protocol.ts";
import type { NameMatcher } from "../broker/router.ts";

/**
 * Compiles a pattern. Matching is a search: the pattern may match anywhere in the name.
 *
 * @param pattern The pattern, in the syntax of RE2: no lookaround, no backreferences.
 * @param ignoreCase Whether upper and lower case are the same.
 * @returns A function that tells whether a name matches.
 * @throws {BrokerError} With code `BAD_PATTERN` if the pattern is invalid or not supported.
 */
export function compilePattern(pattern: string, ignoreCase: boolean): NameMatcher {
  try {
    const compiled = RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    return (name) => compiled.matcher(name).find();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerError(
      "BAD_PATTERN",
      `Cannot bind to pattern ${JSON.stringify(pattern)}: ${why} ` +
        "(lookaround and backreferences are not supported)",
      { cause },
    );
  }
}
