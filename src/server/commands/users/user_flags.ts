import { findNamePatternMistake } from "../../access/name_pattern.ts";
import { type PermissionFields, type Verb, VERBS } from "../../access/permissions.ts";
import { ANONYMOUS_NAME, type UserLimits } from "../../access/user.ts";
import {
  findUserNameMistake,
  isText,
  LIMIT_ROWS,
  TEXT_ALLOWED,
} from "../../access/users/users_file.ts";
import { formatDate, parseDate } from "../../date_text.ts";
import { describe } from "../../settings/found_value.ts";
import { locateUsers } from "../../settings/users_location.ts";
import type { Arguments, Flag } from "../arguments.ts";
import { type CommandContext, CommandError } from "../command.ts";

/** The flags that say where the users are. */
export const PLACE_FLAGS: readonly Flag[] = [
  {
    name: "settings",
    value: "<file>",
    about: "The settings of the broker, which say where the users are; as for the broker itself",
  },
  { name: "users", value: "<file>", about: "The file of the users, if the settings do not say it" },
];

const VERB_MEANINGS: Readonly<Record<Verb, string>> = {
  inspect: "look into: list, peek, explain, dead letters",
  publish: "publish to",
  follow: "follow",
  manage: "create, change, pause, purge, redrive and delete; and to look into",
};

/** The flags of permissions. */
export const PERMISSION_FLAGS: readonly Flag[] = [
  ...(["publish", "follow", "manage", "inspect"] as const).map((verb) => ({
    name: verb,
    value: "<patterns>",
    isList: true,
    about: `Streams to ${VERB_MEANINGS[verb]}`,
  })),
  { name: "metrics", about: "Permission to read the metrics of the broker" },
  { name: "admin", about: "Permission to do everything" },
];

/** What the help tells of patterns. */
export const PATTERN_HELP: string =
  "Patterns are names of streams, several with commas; * stands for any " +
  "characters: 'orders,orders.*'.";

/** The flags of limits. */
export const LIMIT_FLAGS: readonly Flag[] = [
  { name: "max-connections", value: "<number>", about: "The most connections at a time" },
  {
    name: "max-streams",
    value: "<number>",
    about: "The most streams whose names match the patterns of --manage",
  },
  {
    name: "max-stored-bytes",
    value: "<size>",
    about: "The most bytes in the streams that match the patterns of --publish, such as 1GiB",
  },
];

/** The flags of a new token. */
export const TOKEN_FLAGS: readonly Flag[] = [
  {
    name: "expires",
    value: "<time>",
    about:
      "When the token ends: 90d or 12h from now, or a date such as 2027-11-30; never by default",
  },
  { name: "label", value: "<text>", about: "What the token is for" },
  { name: "print", about: "Prints the token, also if the output is no terminal" },
  {
    name: "token-file",
    value: "<file>",
    about: "Writes the token into a new file that only you can read, in place of printing it",
  },
];

/** Reads what a command is told about a user, and keeps all mistakes. */
export class UserFlags {
  readonly #args: Arguments;
  readonly #command: string;
  readonly #mistakes: string[] = [];

  /**
   * @param args What the command was given.
   * @param command Its name, for messages.
   */
  constructor(args: Arguments, command: string) {
    this.#args = args;
    this.#command = command;
  }

  /** The name of the user. */
  readName(mayBeAnonymous = false): string {
    const name = this.#args.words[0] ?? "";
    const mistake = findUserNameMistake(name);
    if (mistake !== undefined && !(mayBeAnonymous && name === ANONYMOUS_NAME)) {
      this.refuse(`the name ${describe(name)}: ${mistake}`);
    }
    return name;
  }

  readPermissions(): PermissionFields {
    const permissions: { -readonly [Name in keyof PermissionFields]: PermissionFields[Name] } = {};
    for (const verb of VERBS) {
      const patterns = this.#args.list(verb);
      for (const pattern of patterns) {
        const mistake = findNamePatternMistake(pattern);
        if (mistake !== undefined) this.refuse(`--${verb} ${describe(pattern)}: ${mistake}`);
      }
      if (patterns.length > 0) permissions[verb] = [...new Set(patterns)];
    }
    if (this.#args.has("metrics")) permissions.metrics = true;
    if (this.#args.has("admin")) permissions.admin = true;
    return permissions;
  }

  readLimits(): UserLimits {
    const limits: { -readonly [Field in keyof UserLimits]: number } = {};
    for (const { key, field, setting } of LIMIT_ROWS) {
      const flag = `max-${key.replaceAll("_", "-")}`;
      const text = this.#args.find(flag);
      if (text === undefined) continue;
      const value = setting.parse(text);
      if (typeof value === "number" && setting.isAllowed(value)) limits[field] = value;
      else this.refuse(`--${flag}: found ${describe(text)}, allowed ${setting.allowed}`);
    }
    return limits;
  }

  /** A text that the file takes. */
  readText(flag: string): string | undefined {
    const text = this.#args.find(flag);
    if (text === undefined || isText(text)) return text;
    this.refuse(`--${flag}: found ${describe(text)}, allowed ${TEXT_ALLOWED}`);
    return undefined;
  }

  /** When a token ends, as ISO 8601. */
  readExpiry(now: number): string | undefined {
    const text = this.#args.find("expires");
    if (text === undefined) return undefined;
    const at = readTime(text, now);
    if (at !== undefined && at > now && at < now + LONGEST_MS) {
      return formatDate(at);
    }
    this.refuse(
      `--expires: found ${
        describe(text)
      }, allowed a time within 100 years from now on: 90d, 12h, ` +
        "2027-11-30 or 2027-11-30T12:00:00Z",
    );
    return undefined;
  }

  /** Keeps a mistake. */
  refuse(mistake: string): void {
    this.#mistakes.push(`Cannot run "${this.#command}": ${mistake}`);
  }

  /** Throws if there were mistakes. */
  check(): void {
    if (this.#mistakes.length > 0) throw new CommandError(this.#mistakes);
  }
}

const HOUR_MS = 3_600_000;
const LONGEST_MS = 100 * 365.25 * 24 * HOUR_MS;

function readTime(text: string, now: number): number | undefined {
  const [, count, unit] = /^(\d{1,6})([dh])$/.exec(text) ?? [];
  if (count !== undefined) return now + Number(count) * (unit === "d" ? 24 * HOUR_MS : HOUR_MS);
  return parseDate(text);
}

/** Finds the file of users as the broker does. */
export async function findUsersPath(args: Arguments, context: CommandContext): Promise<string> {
  const named = args.find("users");
  if (named !== undefined) return named;
  const { path } = await locateUsers(context.sources, args.find("settings"));
  if (path !== "") return path;
  throw new CommandError(
    'Cannot find the users: the setting "users" is empty, so that the broker has none; allowed a ' +
      "file there, or leave the setting out",
  );
}

/** Says what a user may do, as the words behind "may". */
export function describePermissions(permissions: PermissionFields): string {
  if (permissions.admin) return "do everything";
  const parts = VERBS.filter((verb) => (permissions[verb] ?? []).length > 0)
    .map((verb) => `${verb}${verb === "publish" ? " to" : ""} ${permissions[verb]!.join(", ")}`);
  if (permissions.metrics) parts.push("read the metrics");
  return parts.length === 0 ? "do nothing" : parts.join("; ");
}
