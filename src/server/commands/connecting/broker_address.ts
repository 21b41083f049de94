import type { ConnectOptions } from "../../../../client.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandContext, CommandError } from "../command.ts";
import { type ContextEntry, readContexts, requireContext } from "./contexts.ts";

/** Where a broker is, and how to log in; files are not read yet. */
export interface BrokerAddress {
  /** The server, as it is written; `undefined` for the default one. */
  readonly server: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Finds the broker: a flag comes before the environment, and that before the context in use. What a context
 * has of tokens and certificates goes to its own server only.
 *
 * @param args The flags.
 * @param context The environment.
 * @param command The command's name, for messages.
 * @throws {CommandError} If flags exclude each other, show a secret, or name no known context.
 */
export async function findBroker(
  args: Arguments,
  context: CommandContext,
  command: string,
): Promise<BrokerAddress> {
  const [server, name] = [args.find("server"), args.find("context")];
  if (server !== undefined && name !== undefined) {
    throw new CommandError(`Cannot run "${command}": allowed is one of --server and --context`);
  }
  if (server?.includes("@")) {
    throw new CommandError(
      `Cannot run "${command}": found a token in --server: others can read what is typed here; ` +
        "allowed --token-file <file>, or the variable SIMPLEMQ_TOKEN",
    );
  }
  const entry = server === undefined ? await findEntry(name, context) : undefined;
  const own = withoutNothing({
    tokenFile: args.find("token-file"),
    ca: args.find("ca"),
    certificate: args.find("client-certificate"),
    key: args.find("client-key"),
  });
  // A token of a flag replaces that of the context.
  const found = own.tokenFile === undefined ? entry : { ...entry, token: undefined };
  return { ...found, ...own, server: server ?? entry?.server };
}

/** The context that is named, or in use if the environment names no server. */
async function findEntry(
  name: string | undefined,
  context: CommandContext,
): Promise<ContextEntry | undefined> {
  const { env } = context.sources;
  if (name === undefined && env("SIMPLEMQ_SERVER")) return undefined;
  try {
    const { contexts, current } = await readContexts(env);
    const used = name ?? current;
    return used === undefined ? undefined : requireContext(contexts, used);
  } catch (error) {
    // Who may not look for contexts has none.
    if (name === undefined && error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Reads the files, and makes options of `connect` of it all. */
export async function makeConnectOptions(
  address: BrokerAddress,
  { sources: { env } }: CommandContext,
): Promise<ConnectOptions> {
  const { ca = env("SIMPLEMQ_CA")?.trim(), certificate, key } = address;
  const listed = (address.server ?? env("SIMPLEMQ_SERVER"))?.split(",")
    .map((text) => text.trim()).filter((text) => text !== "");
  const servers = listed === undefined || listed.length === 0 ? undefined : listed;
  const token = address.token ?? (address.tokenFile ? undefined : env("SIMPLEMQ_TOKEN")?.trim());
  const tokenFile = token ? undefined : address.tokenFile ?? env("SIMPLEMQ_TOKEN_FILE")?.trim();
  if (tokenFile) await checkTokenFile(tokenFile);
  const tls = {
    ...ca && { ca: await readPem(ca) },
    ...certificate && { cert: await readPem(certificate) },
    ...key && { key: await readPem(key) },
  };
  const hasTls = Object.keys(tls).length > 0;
  return {
    name: "simplemq-cli",
    ...servers && { servers },
    ...token && { token },
    ...tokenFile && { tokenFile },
    ...hasTls && { tls },
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new CommandError(`Cannot read ${path}: ${sayReadFault(cause)}`, { cause });
  }
}

/** Checks that there is a token's file, which the client reads anew for each login. */
async function checkTokenFile(path: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) return;
    throw new CommandError(`Cannot read ${path}: ${sayReadFault(cause)}`, { cause });
  }
}

function sayReadFault(cause: Error): string {
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (cause instanceof Deno.errors.PermissionDenied) return "permission denied";
  return cause.message;
}

/** Leaves out the fields that are `undefined`. */
function withoutNothing<Fields extends object>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<Fields>;
}
