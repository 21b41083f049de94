/**
 * The settings of a broker, from where they may come: the defaults, then the file, then the
 * environment, then the flags; or from a program that runs a broker inside itself. All mistakes are
 * reported together, so that nobody has to find them one start at a time.
 *
 * @module
 */

import { findNearest } from "../../protocol/spelling.ts";
import { parseArgs } from "@std/cli/parse-args";
import { parse } from "@std/yaml";
import {
  type PartialSettings,
  SETTING_ROWS,
  type SettingRow,
  type Settings,
} from "./setting_table.ts";
import { describe, isPlainObject, SettingsDraft, SettingsError } from "./settings_draft.ts";
import { FILE_VARIABLE, findWarnings, isFromKubernetes } from "./variables.ts";

export type {
  LimitSettings,
  PartialSettings,
  Settings,
  SizeField,
  StorageEngine,
  StorageSettings,
  SyncLevel,
} from "./setting_table.ts";
export type { LogLevel } from "../log.ts";
export { SettingsError } from "./settings_draft.ts";

/** What {@linkcode loadSettings} reads from. */
export interface SettingsSources {
  /** The arguments of the command line. */
  readonly args: readonly string[];
  /** Gives the value of an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** The names of all environment variables; without it, slips in them are not found. */
  readonly variables?: readonly string[];
  /** Reads a file; rejects with `Deno.errors.NotFound` if there is none. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** The file that is read unless another one is named; it may be missing. */
  readonly defaultFile: string;
}

/** What {@linkcode loadSettings} found. */
export interface LoadedSettings {
  /** The settings; the defaults if help or the version is asked for. */
  readonly settings: Settings;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  /** What is no mistake, and may not be meant so: a sentence for each, without a period. */
  readonly warnings: readonly string[];
  /** Whether help is asked for. */
  readonly help: boolean;
  /** Whether the version is asked for. */
  readonly version: boolean;
}

/** The largest file that is read, in bytes; the one with all defaults has about 2,500. */
const FILE_BYTES_MAX = 64 * 1024;

/** The settings that are on or off. */
const TOGGLES = SETTING_ROWS.filter(({ setting }) => typeof setting.initial === "boolean");

/** The flags that are no settings. */
const OTHER_FLAGS = ["settings", "help", "version"];

/**
 * Reads the settings of a broker that runs as a program of its own.
 *
 * @param sources The command line, the environment and the files.
 * @returns The settings, and what else the command line asks for.
 * @throws {SettingsError} If there is a mistake in them; it lists them all.
 */
export async function loadSettings(sources: SettingsSources): Promise<LoadedSettings> {
  const draft = new SettingsDraft({ naming: "key" });
  const flags = readFlags(sources.args, draft);
  const { help, version } = flags;
  if (help || version) {
    return { settings: resolveSettings({}), file: undefined, warnings: [], help, version };
  }
  const file = await takeFile(draft, sources, flags.file);
  for (const row of SETTING_ROWS) {
    const variable = readVariable(row, sources);
    if (variable !== undefined) draft.takeText(row, variable, ` from ${row.variable}`);
    const flag = flags.values.get(row);
    if (flag !== undefined) draft.takeText(row, flag, ` from --${row.flag}`);
  }
  const settings = draft.finish();
  if (settings instanceof SettingsError) throw settings;
  const warnings = findWarnings(sources);
  return { settings, file, warnings, help, version };
}

/**
 * Completes and checks the settings that a program gives.
 *
 * @param partial What is to be other than the defaults.
 * @returns All settings.
 * @throws {TypeError} If a name is unknown or a value is not of its type; the message lists all
 * mistakes, `cause` is a {@linkcode SettingsError}.
 * @throws {RangeError} If there are only values that are not allowed, likewise.
 */
export function resolveSettings(partial: PartialSettings = {}): Settings {
  if (!isPlainObject(partial)) {
    throw new TypeError(`Cannot start: found ${describe(partial)}, allowed an object of settings`);
  }
  const draft = new SettingsDraft({ naming: "path" });
  draft.takeGroup(partial, "");
  const settings = draft.finish();
  if (!(settings instanceof SettingsError)) return settings;
  const Fault = draft.isTypeWrong ? TypeError : RangeError;
  throw new Fault(settings.message, { cause: settings });
}

/**
 * Writes what `--help` shows.
 *
 * @returns The text, with all flags and their defaults.
 */
export function helpText(): string {
  const describeRow = ({ flag, setting }: SettingRow) => [
    `  --${flag} ${setting.placeholder}`.trimEnd(),
    `      ${setting.about}.`,
    `      Allowed: ${setting.allowed}. Default: ${setting.show(setting.initial)}.`,
  ];
  return [
    "SimpleMQ, a message queue.",
    "",
    "Usage: simplemq [flags], or deno run -A server.ts [flags]",
    "       simplemq verify [directory]     tells what is in a journal, and what is wrong with it",
    "       simplemq repair [directory]     tells how a damaged journal can be repaired, or does so:",
    "           --skip-damaged              gives up what cannot be read, and keeps everything else",
    "           --cut                       gives up everything from the first fault on",
    "",
    "  --settings <file>",
    `      The file with the settings. Environment: ${FILE_VARIABLE}. Default: ./settings.yaml.`,
    ...SETTING_ROWS.flatMap(describeRow),
    "  --help, -h",
    "      Shows this text.",
    "  --version",
    "      Shows the version.",
    "",
    "A flag that is true or false needs no value to be on; --no-json-lines turns json-lines off.",
    "A flag comes before an environment variable, such as SIMPLEMQ_STORAGE_ENGINE for",
    "--storage-engine, and that before the file, where it is the key engine under storage.",
    "",
  ].join("\n");
}

interface Flags {
  readonly file: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
  readonly values: ReadonlyMap<SettingRow, string>;
}

function readFlags(args: readonly string[], draft: SettingsDraft): Flags {
  const refuse = (arg: string) => {
    if (!arg.startsWith("-")) return true;
    draft.addMistake(describeUnknownFlag(arg));
    return false;
  };
  const found: Record<string, unknown> = parseArgs(args.map(readNegation), {
    // Every setting is read as text, also those that are on or off: read as boolean flags they
    // would be on for any value but "false".
    string: [...SETTING_ROWS.map((row) => row.flag), "settings", "_"],
    boolean: ["help", "version"],
    alias: { help: "h" },
    unknown: refuse,
  });
  const values = new Map<SettingRow, string>();
  for (const row of SETTING_ROWS) {
    const text = found[row.flag];
    if (typeof text === "string") values.set(row, readFlagValue(row, text));
  }
  if (found.settings === "") draft.addMistake(`flag "--settings": found nothing, allowed a file`);
  // Room for commands that later versions bring.
  for (const word of Array.isArray(found._) ? found._ : []) {
    draft.addMistake(`argument ${describe(word)}: found an unknown command, allowed only flags`);
  }
  return {
    file: typeof found.settings === "string" && found.settings ? found.settings : undefined,
    help: found.help === true,
    version: found.version === true,
    values,
  };
}

/** What is on or off is turned off by a `no-` before its name as well. */
function readNegation(arg: string): string {
  const isNegation = TOGGLES.some(({ flag }) => arg === `--no-${flag}`);
  return isNegation ? `--${arg.slice("--no-".length)}=false` : arg;
}

/** A flag of a setting that is on or off needs no value to be on. */
function readFlagValue(row: SettingRow, text: string): string {
  return text === "" && TOGGLES.includes(row) ? "true" : text;
}

function describeUnknownFlag(arg: string): string {
  const name = arg.replace(/=.*$/s, "");
  const nearest = findNearest(name, [...SETTING_ROWS.map((row) => row.flag), ...OTHER_FLAGS]);
  const advice = nearest
    ? `the nearest known one is "--${nearest}"`
    : "--help lists the known ones";
  return `flag ${describe(name)}: found an unknown name, ${advice}`;
}

function readVariable(row: SettingRow, sources: SettingsSources): string | undefined {
  const text = sources.env(row.variable);
  // An empty variable is one that a script or a compose file passes on without having it.
  if (text === undefined || text === "" || isFromKubernetes(text)) return undefined;
  return text;
}

/** Reads the file, and returns its path if there was one. */
async function takeFile(
  draft: SettingsDraft,
  sources: SettingsSources,
  flag: string | undefined,
): Promise<string | undefined> {
  const named = flag ?? (sources.env(FILE_VARIABLE) || undefined);
  const path = named ?? sources.defaultFile;
  try {
    const content = await sources.readTextFile(path);
    takeContent(draft, path, content);
    return path;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound;
    if (isMissing && named === undefined) return undefined;
    const reason = isMissing ? "found no such file" : `cannot be read: ${firstLine(error)}`;
    draft.addMistake(`file ${describe(path)}: ${reason}`);
    return undefined;
  }
}

function takeContent(draft: SettingsDraft, path: string, content: string): void {
  const size = new TextEncoder().encode(content).length;
  const title = `file ${describe(path)}`;
  if (size > FILE_BYTES_MAX) {
    return draft.addMistake(`${title}: found ${size} bytes, allowed ${FILE_BYTES_MAX}`);
  }
  let found: unknown;
  try {
    found = parse(content, { schema: "core" });
  } catch (error) {
    return draft.addMistake(`${title}: found no valid YAML: ${firstLine(error)}`);
  }
  if (isPlainObject(found)) return draft.takeGroup(found, ` in ${describe(path)}`);
  // An empty file is `null`.
  if (found !== null) {
    draft.addMistake(`${title}: found ${describe(found)}, allowed names with values`);
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? text).replace(/:$/, "");
}
