import { RE2JS } from "re2js";
import { BrokerError } from "../../protocol.ts";
import type { NameMatcher } from "../broker/state/selection.ts";

/** The largest program that a pattern may compile to, in steps. */
export const PATTERN_STEPS_MAX = 512;

/**
 * Compiles a pattern. Matching is a search: the pattern may match anywhere in the name.
 *
 * @param pattern In the syntax of RE2: no lookaround, no backreferences.
 * @throws {BrokerError} `BAD_PATTERN` if the pattern is invalid or not supported.
 */
export function compilePattern(pattern: string, ignoreCase: boolean): NameMatcher {
  const compiled = parse(pattern, ignoreCase);
  // Matching takes time in proportion to the name and to the program: with this limit, about a
  // millisecond for the worst pattern and the longest name. 256 plain characters are allowed.
  const size = compiled.programSize();
  if (size <= PATTERN_STEPS_MAX) {
    const matches = (name: string) => compiled.matcher(name).find();
    return Object.assign(matches, { steps: 1 + (size >> 3) });
  }
  throw new BrokerError(
    "BAD_PATTERN",
    `Cannot bind to pattern ${JSON.stringify(pattern)}: it is too complex, its program has ` +
      `${size} steps, limit is ${PATTERN_STEPS_MAX} (repetitions multiply)`,
  );
}

function parse(pattern: string, ignoreCase: boolean): RE2JS {
  try {
    return RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
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
