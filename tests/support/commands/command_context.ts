/**
 * What a command works with, in a test.
 *
 * @module
 */

import type {
  ClusterTools,
  CommandContext,
  JournalTools,
  LoadedProgram,
} from "../../../src/server/commands/command.ts";

/** A context in which nothing is allowed to be used but what the test gives. */
export function testContext(parts: Partial<CommandContext>): CommandContext {
  return {
    isTerminal: false,
    isInteractive: false,
    hasColors: false,
    size: { columns: 80, rows: 24 },
    version: "0.0.0",
    groups: [],
    print: refuse("print"),
    writeBytes: refuse("writeBytes"),
    note: refuse("note"),
    showStatus: () => {},
    ask: refuse("ask"),
    askSecret: refuse("askSecret"),
    watchKeys: refuse("watchKeys"),
    readInput: refuse("readInput"),
    sources: { env: refuse("env"), readTextFile: refuse("files"), defaultFile: "./settings.yaml" },
    now: refuse("now"),
    signal: new AbortController().signal,
    loadProgram: refuse("loadProgram"),
    ...parts,
  };
}

/** What a command loads that works on journals, and runs no broker. */
export function journalProgram(
  journal: Partial<JournalTools>,
): Pick<CommandContext, "loadProgram"> {
  const tools = { verify: refuse("verify"), repair: refuse("repair"), ...journal };
  return loadOnly({ journal: tools });
}

/** What a command loads that works on the log of a cluster. */
export function clusterProgram(
  cluster: Partial<ClusterTools>,
): Pick<CommandContext, "loadProgram"> {
  return loadOnly({ cluster: { ...NO_CLUSTER, ...cluster } });
}

const NO_CLUSTER: ClusterTools = {
  import: refuse("import"),
  export: refuse("export"),
  compare: refuse("compare"),
};

function loadOnly(parts: Partial<LoadedProgram>): Pick<CommandContext, "loadProgram"> {
  const journal = { verify: refuse("verify"), repair: refuse("repair") };
  const all = { journal, cluster: NO_CLUSTER, serve: refuse("serve"), ...parts };
  return { loadProgram: () => Promise.resolve(all) };
}

function refuse(what: string): () => never {
  return () => {
    throw new Error(`the command has used ${what}`);
  };
}
