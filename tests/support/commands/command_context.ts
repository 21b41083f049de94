/**
 * What a command works with, in a test.
 *
 * @module
 */

import type { CommandContext } from "../../../src/server/commands/command.ts";

/** A context in which nothing is allowed to be used but what the test gives. */
export function testContext(parts: Partial<CommandContext>): CommandContext {
  const refuse = (what: string) => (): never => {
    throw new Error(`the command has used ${what}`);
  };
  const journal = { verify: refuse("verify"), repair: refuse("repair") };
  return {
    isTerminal: false,
    print: refuse("print"),
    note: refuse("note"),
    sources: { env: refuse("env"), readTextFile: refuse("files"), defaultFile: "./settings.yaml" },
    now: refuse("now"),
    journal,
    ...parts,
  };
}
