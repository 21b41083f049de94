/**
 * Settings in the making: takes what each source says, later sources replacing earlier ones, keeps
 * all mistakes, and gives the whole or all that is wrong with it.
 *
 * @module
 */

import { findNearest } from "../../protocol/spelling.ts";
import { requireRow, SETTING_ROWS, type SettingRow, type Settings } from "./setting_table.ts";

/** Tells what is wrong with the settings: everything at once. */
export class SettingsError extends Error {
  /** One sentence for each mistake: where it is, what was found and what is allowed. */
  readonly mistakes: readonly string[];

  /**
   * Creates the error; its message lists all mistakes.
   *
   * @param mistakes One sentence for each mistake.
   */
  constructor(mistakes: readonly string[]) {
    const list = mistakes.length === 1
      ? mistakes[0]
      : `${mistakes.length} mistakes in the settings${
        mistakes.map((one) => `\n  ${one}`).join("")
      }`;
    super(`Cannot start: ${list}`);
    this.name = "SettingsError";
    this.mistakes = [...mistakes];
  }
}

/** Options for {@linkcode SettingsDraft}. */
export interface SettingsDraftOptions {
  /** How people know the names: as keys of a file, or as paths in a program. */
  readonly naming: "key" | "path";
}

interface Entry {
  readonly value: unknown;
  readonly where: string;
}

/** The longest text that is shown of what was found. */
const SHOWN_LENGTH_MAX = 60;

/** Settings in the making. */
export class SettingsDraft {
  readonly #naming: "key" | "path";
  readonly #entries = new Map<SettingRow, Entry>();
  readonly #faulty = new Set<SettingRow>();
  readonly #mistakes: string[] = [];
  #isTypeWrong = false;

  /**
   * Creates a draft without any entry: the defaults.
   *
   * @param options How people know the names.
   */
  constructor(options: SettingsDraftOptions) {
    this.#naming = options.naming;
  }

  /** Whether one of the mistakes is about what kind of thing a value is, or about a name. */
  get isTypeWrong(): boolean {
    return this.#isTypeWrong;
  }

  /**
   * Keeps a mistake.
   *
   * @param mistake The sentence, without a period.
   */
  addMistake(mistake: string): void {
    this.#mistakes.push(mistake);
  }

  /**
   * Takes the text of one value, in place of what an earlier source said.
   *
   * @param row The setting.
   * @param text What was found.
   * @param where How the source is told: ` from --port`.
   */
  takeText(row: SettingRow, text: string, where: string): void {
    this.#take(row, row.setting.parse(text), where);
  }

  /**
   * Takes everything from an object, which may come from anywhere.
   *
   * @param found The object.
   * @param where How the source is told, empty for a program. From a file, text may stand for
   * something else, such as `true`, and what is left empty is `null`.
   */
  takeGroup(found: object, where: string): void {
    this.#takeFields(found, "", where);
  }

  /**
   * Gives the settings: what was taken, and the defaults.
   *
   * @returns The settings, or what is wrong with them.
   */
  finish(): Settings | SettingsError {
    this.#checkHost();
    this.#checkHeartbeat();
    if (this.#mistakes.length > 0) return new SettingsError(this.#mistakes);
    const settings: Record<string, unknown> = {};
    for (const row of SETTING_ROWS) {
      const fields = row.group === undefined ? settings : openGroup(settings, row.group);
      fields[row.field] = this.#valueOf(row);
    }
    // The rows are made from the fields of Settings, and every value was checked by its row.
    return settings as unknown as Settings;
  }

  #take(row: SettingRow, value: unknown, where: string): void {
    const { setting } = row;
    const fault = setting.findFault(value);
    if (fault === undefined) {
      this.#entries.set(row, { value, where });
      return;
    }
    this.#faulty.add(row);
    if (fault === "type") this.#isTypeWrong = true;
    const remark = setting.explain(value);
    const found = describe(value) + (remark && `, ${remark}`);
    this.addMistake(
      `setting "${this.#nameOf(row)}"${where}: found ${found}, allowed ${setting.allowed}`,
    );
  }

  #takeFields(fields: object, prefix: string, where: string): void {
    for (const [field, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      const name = prefix + field;
      const row = SETTING_ROWS.find((row) => this.#nameOf(row) === name);
      if (!row) this.#takeSection(name, prefix, value, where);
      else if (typeof value !== "string") this.#take(row, value, where);
      else if (this.#isFile) this.takeText(row, value, where);
      else this.#take(row, row.setting.parseInProgram?.(value) ?? value, where);
    }
  }

  #takeSection(name: string, prefix: string, value: unknown, where: string): void {
    const known = this.#listNames(`${name}.`);
    if (known.length === 0) return this.#refuseName(name, prefix, where);
    if (isPlainObject(value)) return this.#takeFields(value, `${name}.`, where);
    // A section of which every line is a comment is `null`.
    if (this.#isFile && value === null) return;
    this.#isTypeWrong = true;
    const found = describe(value);
    this.addMistake(
      `setting "${name}"${where}: found ${found}, allowed a group of ${known.join(", ")}`,
    );
  }

  #refuseName(name: string, prefix: string, where: string): void {
    this.#isTypeWrong = true;
    const known = prefix === "" ? this.#listTop() : this.#listNames(prefix);
    const nearest = findNearest(name, [...this.#listNames(""), ...this.#listTop()]);
    const advice = nearest
      ? `the nearest known one is "${nearest}"`
      : `allowed ${known.join(", ")}`;
    this.addMistake(`setting ${describe(name)}${where}: found an unknown name, ${advice}`);
  }

  #checkHost(): void {
    const [host, insecure] = [requireRow("host"), requireRow("insecure")];
    if (this.#faulty.has(host) || this.#faulty.has(insecure)) return;
    const found = this.#valueOf(host);
    if (isLoopback(String(found)) || this.#valueOf(insecure) === true) return;
    this.addMistake(
      `${this.#titleOf(host)}: found ${
        describe(found)
      }, where other machines can connect without ` +
        `authentication, allowed localhost, or any with insecure: true`,
    );
  }

  #checkHeartbeat(): void {
    const [heartbeat, timeout] = [requireRow("heartbeatMs"), requireRow("heartbeatTimeoutMs")];
    if (this.#faulty.has(heartbeat) || this.#faulty.has(timeout)) return;
    const [intervalMs, timeoutMs] = [this.#valueOf(heartbeat), this.#valueOf(timeout)];
    if (Number(timeoutMs) > Number(intervalMs)) return;
    this.addMistake(
      `${this.#titleOf(timeout)}: found ${timeoutMs}, allowed more than ` +
        `"${this.#nameOf(heartbeat)}", which is ${intervalMs}`,
    );
  }

  get #isFile(): boolean {
    return this.#naming === "key";
  }

  #valueOf(row: SettingRow): unknown {
    const entry = this.#entries.get(row);
    return entry ? entry.value : row.setting.initial;
  }

  #nameOf(row: SettingRow): string {
    return row[this.#naming];
  }

  #titleOf(row: SettingRow): string {
    const where = this.#entries.get(row)?.where ?? " by default";
    return `setting "${this.#nameOf(row)}"${where}`;
  }

  #listNames(prefix: string): string[] {
    return SETTING_ROWS.map((row) => this.#nameOf(row)).filter((name) => name.startsWith(prefix));
  }

  /** The names at the top: single settings and groups. */
  #listTop(): string[] {
    return [...new Set(this.#listNames("").map((name) => name.split(".")[0] ?? name))];
  }
}

/**
 * Shows what was found, on one line.
 *
 * @param value What was found.
 * @returns A few words.
 */
export function describe(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group";
  if (typeof value !== "string") return String(value).slice(0, SHOWN_LENGTH_MAX);
  const isLong = value.length > SHOWN_LENGTH_MAX;
  return JSON.stringify(isLong ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value);
}

/**
 * Tells whether a value is an object with nothing but fields of its own.
 *
 * @param value The value.
 * @returns Whether it is.
 */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Tells whether nobody but programs of this machine can reach a host. */
function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|(0*:)+0*1|::ffff:127\.\d+\.\d+\.\d+)\.?$/i
    .test(host);
}

function openGroup(settings: Record<string, unknown>, name: string): Record<string, unknown> {
  const group = settings[name];
  if (isPlainObject(group)) return group as Record<string, unknown>;
  const created: Record<string, unknown> = {};
  settings[name] = created;
  return created;
}
