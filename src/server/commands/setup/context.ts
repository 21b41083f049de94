import { resolve } from "node:path";
import { describe } from "../../settings/found_value.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import {
  type ContextEntry,
  findContextsPath,
  readContexts,
  requireContext,
  writeContexts,
} from "../connecting/contexts.ts";
import { type Column, LIST_FLAGS, printList } from "../output/result_output.ts";
import { readLines } from "../messages/input_lines.ts";

const PATH_FLAGS = [
  ["token-file", "tokenFile", "The file with the token: it stays there, and may be replaced"],
  ["ca", "ca", "The file with the authority that signed the broker's certificate"],
  ["client-certificate", "certificate", "The file with the client's own certificate"],
  ["client-key", "key", "The file with its key"],
] as const;

/** `context add`: gives a broker a name. */
export const add: CommandBody = {
  examples: [
    "context add prod --server smqs://broker.example.com --token-file ~/prod.token",
    "context add test --server localhost:9091",
    "context add prod --server smqs://broker.example.com --store-token < prod.token",
  ],
  flags: [
    {
      name: "server",
      value: "<address>",
      about: "The broker: host:port, smq:// or smqs://host:port",
    },
    ...PATH_FLAGS.map(([name, , about]) => ({ name, value: "<file>", about })),
    {
      name: "store-token",
      about: "Stores the token itself, which is read from the first line of standard input",
    },
  ],
  words: [1, 1],
  details:
    'The file of contexts can be read by you only. The first context is used at once; "context\n' +
    'use" chooses another one. --server and SIMPLEMQ_SERVER come before it.',
  async run(args, context) {
    const [name = ""] = args.words;
    const entry = readEntry(args);
    checkName(name);
    const { env } = context.sources;
    const token = args.has("store-token") ? await readToken(context) : undefined;
    checkServer(entry.server);
    const { contexts, current } = await readContexts(env);
    const all = new Map(contexts).set(name, { ...entry, token });
    const used = current ?? name;
    const path = await writeContexts(env, { contexts: all, current: used });
    const what = contexts.has(name) ? "Replaced" : "Added";
    context.note(`${what} context "${name}" in ${path}; "${used}" is in use.`);
    return ExitCode.stopped;
  },
};

function readEntry(args: Arguments): ContextEntry {
  const server = args.find("server");
  const mistakes: string[] = [];
  if (server === undefined) mistakes.push("found no --server, allowed --server host:port");
  if (server?.includes("@")) {
    mistakes.push("found a token in --server, allowed --token-file, or --store-token");
  }
  if (args.has("store-token") && args.has("token-file")) {
    mistakes.push("allowed is one of --store-token and --token-file");
  }
  if (args.has("client-key") !== args.has("client-certificate")) {
    mistakes.push("allowed are --client-certificate and --client-key together");
  }
  if (mistakes.length > 0) {
    throw new CommandError(mistakes.map((mistake) => `Cannot run "context add": ${mistake}`));
  }
  const paths = PATH_FLAGS.filter(([flag]) => args.has(flag))
    .map(([flag, field]) => [field, resolve(args.find(flag)!)]);
  return { server: server!, ...Object.fromEntries(paths) };
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return;
  throw new CommandError(
    `Cannot run "context add": found ${
      describe(name)
    }, allowed 1 to 64 letters, digits, '.', '_' ` +
      "and '-', a letter or a digit first",
  );
}

/** An address, or several with commas, as `connect` takes them. */
const SERVER_RULE =
  /^(?:(?:smqs?:\/\/)?(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)(?::\d{1,5})?\/?(?:, *|$))+$/;

/** Checks the address before it is stored. */
function checkServer(server: string): void {
  if (SERVER_RULE.test(server)) return;
  throw new CommandError(
    `Cannot run "context add": --server: found ${describe(server)}, allowed host:port, ` +
      "smq://host:port and smqs://host:port",
  );
}

async function readToken(context: CommandContext): Promise<string> {
  if (context.isInteractive) context.note("Type the token; it is shown:");
  for await (const [line = ""] of readLines(context.readInput())) {
    if (/^[\x21-\x7e]{1,512}$/.test(line.trim())) return line.trim();
    break;
  }
  throw new CommandError(
    'Cannot run "context add": found no token on standard input, allowed 1 to 512 visible ASCII ' +
      "characters on its first line",
  );
}

/** `context use`: chooses the broker that is used where none is named. */
export const use: CommandBody = {
  examples: ["context use prod"],
  flags: [],
  words: [1, 1],
  async run(args, context) {
    const [name = ""] = args.words;
    const { env } = context.sources;
    const { contexts } = await readContexts(env);
    const { server } = requireContext(contexts, name);
    await writeContexts(env, { contexts, current: name });
    context.note(`"${name}" is in use: ${server}.`);
    if (env("SIMPLEMQ_SERVER")) context.note("SIMPLEMQ_SERVER is set, and comes before it.");
    return ExitCode.stopped;
  },
};

/** A context as programs see it: never with its token. */
interface ContextRow {
  readonly name: string;
  readonly isUsed: boolean;
  readonly server: string;
  readonly token: "stored" | "file" | "none";
  readonly tokenFile?: string | undefined;
}

const COLUMNS: readonly Column<ContextRow>[] = [
  { title: "context", read: ({ name }) => name },
  { title: "used", read: ({ isUsed }) => isUsed ? "yes" : undefined },
  { title: "server", read: ({ server }) => server },
  { title: "token", read: ({ token, tokenFile }) => tokenFile ?? token },
];

/** `context ls`: lists the brokers that have names. */
export const ls: CommandBody = {
  examples: ["context ls"],
  flags: LIST_FLAGS.filter(({ name }) => name !== "bytes"),
  words: [0, 0],
  async run(args, context) {
    const { env } = context.sources;
    const { contexts, current } = await readContexts(env);
    const rows = [...contexts].map(([name, { server, token, tokenFile }]): ContextRow => ({
      name,
      isUsed: name === current,
      server,
      token: token !== undefined ? "stored" : tokenFile !== undefined ? "file" : "none",
      tokenFile,
    }));
    const where = findContextsPath(env) ?? "a file";
    const none = `There are no contexts; "context add" makes one, in ${where}.`;
    printList({ rows, columns: COLUMNS, none }, args, context);
    return ExitCode.stopped;
  },
};

/** `context rm`: forgets the name of a broker. */
export const rm: CommandBody = {
  examples: ["context rm test"],
  flags: [],
  words: [1, 1],
  async run(args, context) {
    const [name = ""] = args.words;
    const { env } = context.sources;
    const { contexts, current } = await readContexts(env);
    requireContext(contexts, name);
    const left = new Map(contexts);
    left.delete(name);
    const used = current === name ? undefined : current;
    await writeContexts(env, { contexts: left, current: used });
    context.note(`Context "${name}" is removed.`);
    if (used === undefined) context.note("None is in use now.");
    return ExitCode.stopped;
  },
};
