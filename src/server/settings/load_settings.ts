import { parseArgs } from "@std/cli/parse-args";
import { findNearest } from "../../protocol/spelling.ts";
import { describe, firstLine, isPlainObject } from "./found_value.ts";
import type { DescribeSetting, IsChosen } from "./start_settings.ts";
import { SETTING_ROWS } from "./setting_table.ts";
import { type PartialSettings, type Settings, SettingsError } from "./settings.ts";
import { SettingsDraft } from "./settings_draft.ts";
import { type Environment, FILE_VARIABLE, findWarnings, isFromKubernetes } from "./variables.ts";
import { readYaml } from "./yaml_text.ts";

/** The sources of {@linkcode loadSettings}. */
export interface SettingsSources extends Environment {
  readonly args: readonly string[];
  /** Reads a file; rejects with `Deno.errors.NotFound` if it does not exist. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** The default file; it may be missing. */
  readonly defaultFile: string;
}

/** The result of {@linkcode loadSettings}. */
export interface LoadedSettings {
  /** The settings; the defaults if help or the version is asked for. */
  readonly settings: Settings;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  /** Names a setting in a message. */
  readonly describe: DescribeSetting;
  /** Whether somebody has chosen the value of a setting. */
  readonly isChosen: IsChosen;
  /** Suspicious input that is no mistake: a sentence for each, without a period. */
  readonly warnings: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
}

/** The largest file that is read, in bytes; the one with all defaults has about 2,500. */
const FILE_BYTES_MAX = 64 * 1024;

/** The settings that are on or off. */
const TOGGLES = SETTING_ROWS.filter(({ setting }) => typeof setting.initial === "boolean");

/**
 * Reads the settings of a broker that runs as a program of its own: the defaults, then the file, then
 * the environment, then the flags. Throws a {@linkcode SettingsError} with all mistakes.
 */
export async function loadSettings(sources: SettingsSources): Promise<LoadedSettings> {
  const draft = new SettingsDraft("key");
  const flags = readFlags(sources.args, draft);
  const help = flags.help === true;
  const version = flags.version === true;
  if (help || version) {
    const settings = resolveSettings({});
    const { describe, isChosen } = draft;
    return { settings, file: undefined, describe, isChosen, warnings: [], help, version };
  }
  const file = await readSettingsFile(draft, sources, String(flags.settings ?? ""));
  for (const row of SETTING_ROWS) {
    const variable = sources.env(row.variable);
    // A script or a compose file sets an empty variable when it has no value.
    if (variable && !isFromKubernetes(variable)) {
      draft.takeText(row, variable, ` from ${row.variable}`);
    }
    const flag = flags[row.flag];
    if (typeof flag !== "string") continue;
    // A flag of a setting that is on or off needs no value to be on.
    const isOn = flag === "" && TOGGLES.includes(row);
    draft.takeText(row, isOn ? "true" : flag, ` from --${row.flag}`);
  }
  const settings = draft.finish();
  const warnings = findWarnings(sources);
  const { describe, isChosen } = draft;
  return { settings, file, describe, isChosen, warnings, help, version };
}

/**
 * Completes and checks the settings that a program gives.
 *
 * @throws {TypeError} If a name is unknown or a value is not of its type; the message lists all
 * mistakes, `cause` is a {@linkcode SettingsError}.
 * @throws {RangeError} If there are only values that are not allowed, likewise.
 */
export function resolveSettings(partial: PartialSettings = {}): Settings {
  if (!isPlainObject(partial)) {
    throw new TypeError(`Cannot start: found ${describe(partial)}, allowed an object of settings`);
  }
  const draft = new SettingsDraft("path");
  draft.takeGroup(partial, "");
  try {
    return draft.finish();
  } catch (cause) {
    if (!(cause instanceof SettingsError)) throw cause;
    const Fault = draft.isTypeWrong ? TypeError : RangeError;
    throw new Fault(cause.message, { cause });
  }
}

/** Reads the command line; every setting as text: `--insecure=no` must not be taken for on. */
function readFlags(args: readonly string[], draft: SettingsDraft): Record<string, unknown> {
  const names = SETTING_ROWS.map((row) => row.flag);
  const flags: Record<string, unknown> = parseArgs(args.map(readNegation), {
    string: [...names, "settings", "_"],
    boolean: ["help", "version"],
    alias: { help: "h" },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      const name = arg.replace(/=.*$/s, "");
      const nearest = findNearest(name, [...names, "settings", "help", "version"]);
      const advice = nearest
        ? `the nearest known one is "--${nearest}"`
        : "help serve lists the known ones";
      draft.addMistake(`flag ${describe(name)}: found an unknown name, ${advice}`);
      return false;
    },
  });
  if (flags.settings === "") draft.addMistake(`flag "--settings": found nothing, allowed a file`);
  for (const word of flags._ as unknown[]) {
    draft.addMistake(
      `argument ${describe(word)}: found no flag; a command stands before all flags`,
    );
  }
  return flags;
}

/** The flags that turn settings off: the prefix `no-` before the name. */
function readNegation(arg: string): string {
  const isNegation = TOGGLES.some(({ flag }) => arg === `--no-${flag}`);
  return isNegation ? `--${arg.slice("--no-".length)}=false` : arg;
}

/**
 * Reads the file of the settings.
 *
 * @param draft Takes what is in it, and the mistakes.
 * @param sources Where the file is looked for.
 * @param flag The file that is named, before the environment does.
 * @param only The names to take; all by default.
 * @returns Its path, if there was one.
 */
export async function readSettingsFile(
  draft: SettingsDraft,
  sources: Omit<SettingsSources, "args">,
  flag: string | undefined,
  only?: readonly string[],
): Promise<string | undefined> {
  const named = flag || sources.env(FILE_VARIABLE);
  const path = named || sources.defaultFile;
  try {
    takeContent(draft, path, await sources.readTextFile(path), only);
    return path;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound;
    if (isMissing && !named) return undefined;
    const reason = isMissing ? "found no such file" : `cannot be read: ${firstLine(error)}`;
    draft.addMistake(`file ${describe(path)}: ${reason}`);
    return undefined;
  }
}

function takeContent(
  draft: SettingsDraft,
  path: string,
  content: string,
  only?: readonly string[],
): void {
  const title = `file ${describe(path)}`;
  const result = readYaml(content, FILE_BYTES_MAX);
  if ("mistake" in result) return draft.addMistake(`${title}: ${result.mistake}`);
  const { value: found } = result;
  if (isPlainObject(found)) {
    const names = Object.entries(found).filter(([name]) => only?.includes(name) ?? true);
    return draft.takeGroup(Object.fromEntries(names), ` in ${describe(path)}`);
  }
  // An empty file is `null`.
  if (found !== null) {
    draft.addMistake(`${title}: found ${describe(found)}, allowed names with values`);
  }
}
