import { findNearest } from "../../protocol/spelling.ts";
import { CLUSTER_NEEDS, findClusterMistakes, type LookedUp } from "./cluster_rules.ts";
import { describe, isPlainObject } from "./found_value.ts";
import { requireRow, SETTING_ROWS, type SettingRow } from "./setting_table.ts";
import { type Settings, SettingsError } from "./settings.ts";
import type { DescribeSetting, IsChosen } from "./start_settings.ts";

/** The value of one setting in a source. */
interface Found {
  readonly value: unknown;
  /** The source in messages: ` from --port`; empty for a program. */
  readonly where: string;
  readonly isFaulty: boolean;
}

/** Which settings mean nothing, or something else than they seem to, without which others. */
const NEEDS: readonly (readonly [path: string, needed: string])[] = [
  ...CLUSTER_NEEDS,
  ["tls.certificate", "tls.key"],
  ["tls.key", "tls.certificate"],
  ["tls.clientCa", "tls.certificate"],
  ["tls.clientCa", "tls.clientCertificates"],
  ["tls.clientCertificates", "tls.clientCa"],
];

/** In a cluster, clients leave a broker that is paused when another one takes over. */
const CLUSTER_HEARTBEATS: Readonly<Record<string, number>> = {
  heartbeatMs: 1 / 4,
  heartbeatTimeoutMs: 1,
};

/**
 * Unchecked settings: takes the values of each source, later sources replacing earlier ones, and keeps all
 * mistakes, so that one start shows them all.
 */
export class SettingsDraft {
  /** Whether a mistake is about the type of a value, or about a name. */
  isTypeWrong = false;
  readonly #naming: "key" | "path";
  readonly #found = new Map<SettingRow, Found>();
  readonly #mistakes: string[] = [];

  /** @param naming The form of names in messages: keys of a file, or paths in a program. */
  constructor(naming: "key" | "path") {
    this.#naming = naming;
  }

  /** Keeps a mistake: a sentence without a period. */
  addMistake(mistake: string): void {
    this.#mistakes.push(mistake);
  }

  /** Takes the text of one value, in place of what an earlier source said. */
  takeText(row: SettingRow, text: string, where: string): void {
    this.#take(row, row.setting.parse(text), where);
  }

  /** Takes everything from an object, which may come from anywhere. */
  takeGroup(found: object, where: string, prefix = ""): void {
    for (const [field, value] of Object.entries(found)) {
      if (value === undefined) continue;
      const name = prefix + field;
      const row = SETTING_ROWS.find((row) => row[this.#naming] === name);
      if (row === undefined) this.#takeSection(name, prefix, value, where);
      else if (typeof value !== "string") this.#take(row, value, where);
      else if (this.#naming === "key") this.takeText(row, value, where);
      else this.#take(row, row.setting.parseInProgram?.(value) ?? value, where);
    }
  }

  /** Gives the settings: what was taken, and the defaults; throws a {@linkcode SettingsError}. */
  finish(): Settings {
    this.#checkTogether();
    if (this.#mistakes.length > 0) throw new SettingsError(this.#mistakes);
    const settings: Record<string, unknown> = {};
    for (const { group, field, path } of SETTING_ROWS) {
      const fields = group === undefined ? settings : settings[group] ??= {};
      (fields as Record<string, unknown>)[field] = this.#look(path).value;
    }
    // The rows are made from the fields of Settings, and every value was checked by its row.
    return settings as unknown as Settings;
  }

  /** Names a setting, with where its value comes from. */
  readonly describe: DescribeSetting = (path) => {
    const { name, where } = this.#look(path);
    return `setting ${JSON.stringify(name)}${where}`;
  };

  /** Whether somebody has chosen the value: a file may just list the defaults. */
  readonly isChosen: IsChosen = (path) => {
    const row = requireRow(path);
    const { value = row.setting.initial, where = "" } = this.#found.get(row) ?? {};
    return where.startsWith(" from ") || value !== row.setting.initial;
  };

  #take(row: SettingRow, value: unknown, where: string): void {
    const { setting } = row;
    const isTypeWrong = typeof value !== typeof setting.initial;
    const isFaulty = isTypeWrong || !setting.isAllowed(value);
    this.#found.set(row, { value, where, isFaulty });
    if (!isFaulty) return;
    this.isTypeWrong ||= isTypeWrong;
    const found = describe(value) + explain(value, setting.initial);
    this.addMistake(
      `setting "${row[this.#naming]}"${where}: found ${found}, allowed ${setting.allowed}`,
    );
  }

  #takeSection(name: string, prefix: string, value: unknown, where: string): void {
    const known = this.#names().filter((known) => known.startsWith(`${name}.`));
    if (known.length > 0 && isPlainObject(value)) return this.takeGroup(value, where, `${name}.`);
    // A section of which every line is a comment is `null`.
    if (known.length > 0 && this.#naming === "key" && value === null) return;
    // A group that can be off as a whole.
    const row = SETTING_ROWS.find((row) => row[this.#naming] === `${name}.enabled`);
    const isOn = typeof value === "string" && this.#naming === "key"
      ? row?.setting.parse(value)
      : value;
    if (row !== undefined && typeof isOn === "boolean") return this.#take(row, isOn, where);
    this.isTypeWrong = true;
    if (known.length === 0) return this.#refuseName(name, prefix, where);
    const found = describe(value);
    const whole = row === undefined ? "" : "true, false or ";
    this.addMistake(
      `setting "${name}"${where}: found ${found}, allowed ${whole}a group of ${known.join(", ")}`,
    );
  }

  #refuseName(name: string, prefix: string, where: string): void {
    const names = this.#names();
    const top = [...new Set(names.map((name) => name.split(".")[0]!))];
    const known = prefix === "" ? top : names.filter((name) => name.startsWith(prefix));
    const nearest = findNearest(name, [...names, ...top]);
    const advice = nearest
      ? `the nearest known one is "${nearest}"`
      : `allowed ${known.join(", ")}`;
    this.addMistake(`setting ${describe(name)}${where}: found an unknown name, ${advice}`);
  }

  /** Checks what no setting can tell alone. */
  #checkTogether(): void {
    const [interval, timeout] = [this.#look("heartbeatMs"), this.#look("heartbeatTimeoutMs")];
    const isTooShort = Number(timeout.value) <= Number(interval.value);
    if (isTooShort && !interval.isFaulty && !timeout.isFaulty) {
      this.addMistake(
        `setting "${timeout.name}"${timeout.where}: found ${timeout.value}, allowed more than ` +
          `"${interval.name}", which is ${interval.value}`,
      );
    }
    for (const [path, needed] of NEEDS) this.#checkNeed(path, needed);
    const mistakes = findClusterMistakes(
      (path) => this.#look(path),
      (path) => requireRow(path).setting.allowed,
    );
    for (const mistake of mistakes) this.addMistake(mistake);
  }

  /** Checks that a setting is not given without another one. */
  #checkNeed(path: string, neededPath: string): void {
    const [given, needed] = [this.#look(path), this.#look(neededPath)];
    const isOff = ({ value }: LookedUp) => value === "" || value === "off";
    if (isOff(given) || !isOff(needed) || given.isFaulty || needed.isFaulty) return;
    const found = describe(given.value);
    this.addMistake(
      `setting "${given.name}"${given.where}: found ${found} without "${needed.name}", allowed ` +
        `only with it`,
    );
  }

  #look(path: string): LookedUp {
    const row = requireRow(path);
    const byDefault = { value: this.#findDefault(path), where: " by default", isFaulty: false };
    const found = this.isChosen(path) ? this.#found.get(row) : undefined;
    return { name: row[this.#naming], ...found ?? byDefault };
  }

  /** The value of a setting that nobody has chosen. */
  #findDefault(path: string): unknown {
    const share = CLUSTER_HEARTBEATS[path];
    const { initial } = requireRow(path).setting;
    if (share === undefined || this.#look("storage.engine").value !== "cluster") return initial;
    const { value, isFaulty } = this.#look("cluster.leaseMs");
    return isFaulty ? initial : Math.round(Number(value) * share);
  }

  #names(): string[] {
    return SETTING_ROWS.map((row) => row[this.#naming]);
  }
}

/** Says more of a wrong number, where there is more to say. */
function explain(value: unknown, initial: unknown): string {
  if (typeof initial !== "number") return "";
  if (typeof value === "string") {
    return /^\s*-?\d+\s*$/.test(value) ? ", a text and not a number" : "";
  }
  return typeof value === "number" && !Number.isInteger(value) ? ", not a whole number" : "";
}
