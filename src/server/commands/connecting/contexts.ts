import { dirname } from "node:path";
import { findNearest } from "../../../protocol/spelling.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { describe, isPlainObject } from "../../settings/found_value.ts";
import { CommandError } from "../command.ts";
import { readFileIfThere, replaceFiles } from "../files.ts";

/** A broker that a name stands for. */
export interface ContextEntry {
  /** Its address: `host:port`, or a URL. */
  readonly server: string;
  /** The token itself; the file of contexts can be read by its owner only. */
  readonly token?: string | undefined;
  /** The file with the token. */
  readonly tokenFile?: string | undefined;
  /** The file with the authority that signed the broker's certificate. */
  readonly ca?: string | undefined;
  /** The file with the client's certificate. */
  readonly certificate?: string | undefined;
  /** The file with its key. */
  readonly key?: string | undefined;
}

/** All contexts, and the one in use. */
export interface Contexts {
  readonly contexts: ReadonlyMap<string, ContextEntry>;
  readonly current: string | undefined;
}

/** The names of the fields in the file. */
const FIELDS: readonly (readonly [key: string, field: keyof ContextEntry])[] = [
  ["server", "server"],
  ["token", "token"],
  ["token_file", "tokenFile"],
  ["ca", "ca"],
  ["client_certificate", "certificate"],
  ["client_key", "key"],
];

const FILE_BYTES_MAX = 256 * 1024;

type ReadVariable = (name: string) => string | undefined;

/** Where the contexts are: `$XDG_CONFIG_HOME/simplemq/contexts.yaml`; `undefined` without a home. */
export function findContextsPath(env: ReadVariable): string | undefined {
  const home = env("HOME") || env("USERPROFILE");
  const base = env("XDG_CONFIG_HOME") || (home ? `${home}/.config` : undefined);
  return base === undefined ? undefined : `${base}/simplemq/contexts.yaml`;
}

/**
 * Reads all contexts; without a file there are none.
 *
 * @throws {CommandError} If the file cannot be used.
 */
export async function readContexts(env: ReadVariable): Promise<Contexts> {
  const path = findContextsPath(env);
  const text = path === undefined ? undefined : await readFileIfThere(path);
  if (text === undefined) return { contexts: new Map(), current: undefined };
  const { readYaml } = await import("../../settings/yaml_text.ts");
  const found = readYaml(text, FILE_BYTES_MAX);
  const mistakes: string[] = [];
  if ("mistake" in found) mistakes.push(found.mistake);
  const contexts = "mistake" in found ? undefined : parse(found.value, mistakes);
  if (contexts !== undefined && mistakes.length === 0) return contexts;
  throw new CommandError(
    mistakes.map((mistake) => `Cannot use the contexts in ${path}: ${mistake}`),
  );
}

function parse(value: unknown, mistakes: string[]): Contexts | undefined {
  if (value === null) return { contexts: new Map(), current: undefined };
  if (!isPlainObject(value)) {
    mistakes.push(`found ${describe(value)}, allowed current and contexts`);
    return undefined;
  }
  const { current, contexts = {}, ...others } = value as Record<string, unknown>;
  for (const name of Object.keys(others)) {
    mistakes.push(`found an unknown name ${describe(name)}, allowed current and contexts`);
  }
  if (current !== undefined && typeof current !== "string") {
    mistakes.push(`current: found ${describe(current)}, allowed the name of a context`);
  }
  if (!isPlainObject(contexts)) {
    mistakes.push(`contexts: found ${describe(contexts)}, allowed names with their fields`);
    return undefined;
  }
  const entries = Object.entries(contexts).map(([name, entry]) =>
    [name, parseEntry(name, entry, mistakes)] as const
  );
  return { contexts: new Map(entries), current: current as string | undefined };
}

function parseEntry(name: string, entry: unknown, mistakes: string[]): ContextEntry {
  const all = FIELDS.map(([key]) => key);
  const found: { -readonly [Field in keyof ContextEntry]: string | undefined } = { server: "" };
  if (!isPlainObject(entry)) {
    mistakes.push(`context ${describe(name)}: found ${describe(entry)}, allowed ${all.join(", ")}`);
    return { server: "" };
  }
  for (const [key, value] of Object.entries(entry)) {
    const field = FIELDS.find(([known]) => known === key)?.[1];
    if (field === undefined) {
      const known = all.join(", ");
      mistakes.push(`context ${describe(name)}: found ${describe(key)}, allowed ${known}`);
    } else if (typeof value !== "string" || value === "") {
      const what = typeof value === "string" ? "nothing" : typeof value;
      mistakes.push(`context ${describe(name)}: ${key}: found ${what}, allowed a text`);
    } else found[field] = value;
  }
  if (!found.server) mistakes.push(`context ${describe(name)}: found no server`);
  return { ...found, server: found.server ?? "" };
}

/** The context of a name; throws a {@linkcode CommandError} if there is none. */
export function requireContext(
  contexts: ReadonlyMap<string, ContextEntry>,
  name: string,
): ContextEntry {
  const entry = contexts.get(name);
  if (entry !== undefined) return entry;
  const names = [...contexts.keys()];
  const nearest = findNearest(name, names);
  const known = names.slice(0, 10).map((name) => `"${name}"`).join(", ");
  const advice = nearest !== undefined
    ? `the nearest known one is "${nearest}"`
    : names.length === 0
    ? 'and none at all; "context add" makes one'
    : `allowed ${known}`;
  throw new CommandError(
    `Cannot use the context ${describe(name)}: there is none of that name, ${advice}`,
    { exitCode: ExitCode.notFound },
  );
}

/** Writes all contexts, so that only their owner can read them. */
export async function writeContexts(
  env: ReadVariable,
  { contexts, current }: Contexts,
): Promise<string> {
  const path = findContextsPath(env);
  if (path === undefined) {
    throw new CommandError(
      "Cannot find a place for the contexts: found neither XDG_CONFIG_HOME nor HOME in the environment",
    );
  }
  const { stringify } = await import("@std/yaml");
  const entries = [...contexts].map(([name, entry]) => [
    name,
    Object.fromEntries(
      FIELDS.map(([key, field]) => [key, entry[field]]).filter(([, value]) => value !== undefined),
    ),
  ]);
  const value = { ...current !== undefined && { current }, contexts: Object.fromEntries(entries) };
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const text = stringify(value, { schema: "core" });
  await replaceFiles(dirname(path), [{ path, text, mode: 0o600 }]);
  return path;
}
