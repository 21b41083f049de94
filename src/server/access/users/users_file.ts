import { findNearest } from "../../../protocol/spelling.ts";
import { parseDate } from "../../date_text.ts";
import { byteSize, integer, type Setting } from "../../settings/setting.ts";
import { describe, hideTokens, isPlainObject } from "../../settings/found_value.ts";
import { readYaml } from "../../settings/yaml_text.ts";
import { findNamePatternMistake } from "../name_pattern.ts";
import { type PermissionFields, VERBS } from "../permissions.ts";
import { ANONYMOUS_NAME, LOCAL_NAME, type UserLimits } from "../user.ts";
import { findPasswordHashMistake } from "./password.ts";
import { EMPTY_TOKEN_HASH } from "./token.ts";

/** A token of a user, as the file has it; the token itself is never stored. */
export interface TokenEntry {
  /** The SHA-256 of the token's text, as 64 lower-case hex digits. */
  readonly sha256: string;
  readonly label?: string | undefined;
  /** When it was made, as ISO 8601. */
  readonly created?: string | undefined;
  /** From when on it is not valid any more, as ISO 8601. */
  readonly expires?: string | undefined;
}

/** A user, as the file has it. */
export interface UserEntry {
  readonly tokens: readonly TokenEntry[];
  /** The common name, or an alternative name, of the user's client certificate. */
  readonly certificate?: string | undefined;
  /** The hash of the user's password for the page, as Argon2 writes it. */
  readonly password?: string | undefined;
  readonly permissions: PermissionFields;
  readonly limits: UserLimits;
}

/** What is in a file of users, checked. */
export interface UsersFile {
  readonly users: ReadonlyMap<string, UserEntry>;
  /** The permissions of sessions without a credential, if they have any. */
  readonly anonymous: PermissionFields | undefined;
}

/** A file of users has mistakes; the message lists all of them. */
export class UsersFileError extends Error {
  /** One sentence for each mistake: its place, what was found, and what is allowed. */
  readonly mistakes: readonly string[];

  /**
   * @param path The file.
   * @param mistakes One sentence for each mistake.
   */
  constructor(path: string, mistakes: readonly string[]) {
    const lines = mistakes.map((mistake) => `\n  ${mistake}`).join("");
    super(
      mistakes.length === 1
        ? `Cannot use the users: ${mistakes[0]}`
        : `Cannot use the users: ${mistakes.length} mistakes in ${describe(path)}${lines}`,
    );
    this.name = "UsersFileError";
    this.mistakes = [...mistakes];
  }
}

/** The largest file that is read, in bytes; a user has about 300. */
export const USERS_BYTES_MAX: number = 4 * 1024 * 1024;

/** The most tokens of a user, and the most patterns of a verb. */
const LIST_LENGTH_MAX = 1000;

/** The most mistakes that are told. */
const MISTAKES_MAX = 100;

/** What the label of a token and the name in a certificate may be. */
export const TEXT_ALLOWED = "a text of 1 to 128 visible characters";
const TEXT_LENGTH_MAX = 128;

const USER_NAME_RULE = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;
const HASH_RULE = /^[0-9a-f]{64}$/i;

const COUNT = integer(1, [1, 1_000_000], "A number of connections or streams");
const SIZE = byteSize(1, [1, 1024 ** 5], "A number of bytes");

/** The limits of a user: their names in the file, and their allowed values. */
export const LIMIT_ROWS: readonly LimitRow[] = [
  { key: "connections", field: "connections", setting: COUNT },
  { key: "streams", field: "streams", setting: COUNT },
  { key: "stored_bytes", field: "storedBytes", setting: SIZE },
];

/** A row of {@linkcode LIMIT_ROWS}. */
export interface LimitRow {
  readonly key: string;
  readonly field: keyof UserLimits;
  readonly setting: Setting<number>;
}

/** Why a text is no name of a user; `undefined` if it is one. */
export function findUserNameMistake(name: string): string | undefined {
  if (name === LOCAL_NAME || name === ANONYMOUS_NAME) return "that name is the broker's own";
  if (name.startsWith("smq_")) return "a token is no name";
  if (USER_NAME_RULE.test(name)) return undefined;
  return "a user's name has 1 to 128 letters, digits, '.', '_', '@' and '-', and begins with a " +
    "letter or a digit";
}

/** Whether a text may be the label of a token or the name in a certificate. */
export function isText(text: string): boolean {
  return text.length > 0 && text.length <= TEXT_LENGTH_MAX && !/\p{C}/u.test(text);
}

/**
 * Reads a file of users, and checks all of it.
 *
 * @param content The file's text.
 * @param path The file, for messages.
 * @throws {UsersFileError} With all mistakes; none of them shows a token.
 */
export function parseUsers(content: string, path: string): UsersFile {
  const refuse = (mistake: string) =>
    new UsersFileError(path, [`file ${describe(path)}: ${mistake}`]);
  const result = readYaml(content, USERS_BYTES_MAX);
  if ("mistake" in result) throw refuse(result.mistake);
  const { value: found } = result;
  // A file that is being written may be empty for a moment: that must not mean that there are no users.
  if (!isPlainObject(found)) throw refuse(`found ${describe(found)}, allowed users: with names`);
  return new UsersReader(path).read(found);
}

/** Reads the parts of one file, and keeps all mistakes. */
class UsersReader {
  readonly #path: string;
  readonly #mistakes: string[] = [];
  /** The users by the hashes of their tokens. */
  readonly #hashes = new Map<string, string>();
  /** The users by the names of their certificates. */
  readonly #certificates = new Map<string, string>();

  constructor(path: string) {
    this.#path = path;
  }

  read(found: object): UsersFile {
    const { users: group, anonymous } = this.#takeFields(found, "", ["users", ANONYMOUS_NAME]);
    const users = new Map<string, UserEntry>();
    if (!isPlainObject(group)) {
      this.#refuse("users", describe(group), "a group of users by their names");
    } else {
      for (const [name, fields] of Object.entries(group)) {
        const mistake = findUserNameMistake(name);
        if (mistake !== undefined) {
          this.#refuse("users", `the name ${describe(name)}`, mistake, true);
        } else users.set(name, this.#readUser(name, fields));
      }
    }
    const permissions = anonymous === undefined
      ? undefined
      : this.#readPermissions(anonymous, ANONYMOUS_NAME, [...VERBS, "metrics"]);
    if (this.#mistakes.length > 0) throw new UsersFileError(this.#path, this.#mistakes);
    return { users, anonymous: allowsSome(permissions) ? permissions : undefined };
  }

  #readUser(name: string, found: unknown): UserEntry {
    const place = `users.${name}`;
    const known = ["tokens", "certificate", "password", "permissions", "limits"];
    const fields = this.#takeFields(found, place, known);
    const { tokens, certificate, password, permissions, limits } = fields;
    return {
      tokens: this.#takeList(tokens, `${place}.tokens`, "a list of tokens")
        .map((token, index) => this.#readToken(token, `${place}.tokens[${index}]`, name)),
      certificate: this.#readCertificate(certificate, `${place}.certificate`, name),
      password: this.#readPassword(password, `${place}.password`),
      permissions: this.#readPermissions(permissions, `${place}.permissions`),
      limits: this.#readLimits(limits, `${place}.limits`),
    };
  }

  #readToken(found: unknown, place: string, user: string): TokenEntry {
    const known = ["sha256", "label", "created", "expires"];
    const { sha256, label, created, expires } = this.#takeFields(found, place, known);
    const hash = typeof sha256 === "string" ? sha256.toLowerCase() : "";
    if (!isPlainObject(found)) {
      if (found === null) this.#refuse(place, "nothing", `a group of ${known.join(", ")}`);
    } else if (!HASH_RULE.test(hash)) {
      // It may be the token itself.
      const what = typeof sha256 === "string"
        ? `a text of ${sha256.length} characters`
        : describe(sha256);
      this.#refuse(`${place}.sha256`, what, "64 hex digits, in quotes if none is a letter");
    } else if (hash === EMPTY_TOKEN_HASH) {
      this.#refuse(`${place}.sha256`, "the hash of an empty text", "the hash of a token");
    } else this.#claim(this.#hashes, hash, user, `${place}.sha256`, "the token");
    return {
      sha256: hash,
      label: this.#readText(label, `${place}.label`),
      created: this.#readDate(created, `${place}.created`),
      expires: this.#readDate(expires, `${place}.expires`),
    };
  }

  #readCertificate(found: unknown, place: string, user: string): string | undefined {
    const name = this.#readText(found, place);
    if (name !== undefined) {
      this.#claim(this.#certificates, name, user, place, `the certificate ${describe(name)}`);
    }
    return name;
  }

  #readPassword(found: unknown, place: string): string | undefined {
    if (found === undefined) return undefined;
    const mistake = typeof found === "string" ? findPasswordHashMistake(found) : "a text";
    if (mistake === undefined) return found as string;
    // It may be the password itself.
    const what = typeof found === "string"
      ? `a text of ${found.length} characters`
      : describe(typeof found);
    this.#refuse(place, what, mistake);
    return undefined;
  }

  #readPermissions(
    found: unknown,
    place: string,
    known: readonly string[] = [...VERBS, "metrics", "admin"],
  ): PermissionFields {
    const fields = this.#takeFields(found, place, known);
    const permissions: Record<string, readonly string[] | boolean> = {};
    for (const [key, value] of Object.entries(fields)) {
      const here = `${place}.${key}`;
      if (key !== "metrics" && key !== "admin") permissions[key] = this.#readPatterns(value, here);
      else if (typeof value === "boolean") permissions[key] = value;
      else this.#refuse(here, describe(value), "true or false");
    }
    return permissions;
  }

  #readPatterns(found: unknown, place: string): string[] {
    const patterns: string[] = [];
    for (const [index, text] of this.#takeList(found, place, "a list of patterns").entries()) {
      const mistake = typeof text === "string"
        ? findNamePatternMistake(text)
        : "a pattern is a text, in quotes if it is a number";
      if (mistake === undefined) patterns.push(text as string);
      else this.#refuse(`${place}[${index}]`, describe(text), mistake, true);
    }
    return patterns;
  }

  #readLimits(found: unknown, place: string): UserLimits {
    const fields = this.#takeFields(found, place, LIMIT_ROWS.map(({ key }) => key));
    const limits: { -readonly [Field in keyof UserLimits]: number } = {};
    for (const { key, field, setting } of LIMIT_ROWS) {
      const value = fields[key];
      if (value === undefined) continue;
      const limit = typeof value === "string" ? setting.parse(value) : value;
      if (typeof limit === "number" && setting.isAllowed(limit)) limits[field] = limit;
      else this.#refuse(`${place}.${key}`, describe(value), setting.allowed);
    }
    return limits;
  }

  #readText(found: unknown, place: string): string | undefined {
    if (found === undefined) return undefined;
    if (typeof found === "string" && isText(found)) return found;
    this.#refuse(place, describe(found), TEXT_ALLOWED);
    return undefined;
  }

  #readDate(found: unknown, place: string): string | undefined {
    if (found === undefined) return undefined;
    if (typeof found === "string" && parseDate(found) !== undefined) return found;
    this.#refuse(place, describe(found), "a date such as 2027-11-30 or 2027-11-30T12:00:00Z");
    return undefined;
  }

  /** The known fields of a group that may be missing. */
  #takeFields(found: unknown, place: string, known: readonly string[]): Record<string, unknown> {
    const fields: Record<string, unknown> = Object.create(null);
    // A group of which every line is a comment is `null`.
    if (found === undefined || found === null) return fields;
    if (!isPlainObject(found)) {
      this.#refuse(place, describe(found), `a group of ${known.join(", ")}`);
      return fields;
    }
    for (const [key, value] of Object.entries(found)) {
      if (known.includes(key)) {
        fields[key] = value;
        continue;
      }
      const nearest = findNearest(key, known);
      const advice = nearest === undefined
        ? known.join(", ")
        : `the nearest known one is ${nearest}`;
      const where = place === "" ? key : `${place}.${key}`;
      this.#refuse(where, "an unknown name", advice, nearest !== undefined);
    }
    return fields;
  }

  #takeList(found: unknown, place: string, allowed: string): readonly unknown[] {
    if (found === undefined || found === null) return [];
    if (Array.isArray(found) && found.length <= LIST_LENGTH_MAX) return found;
    const what = Array.isArray(found) ? `${found.length} entries` : describe(found);
    const most = Array.isArray(found) ? `${LIST_LENGTH_MAX} at most` : allowed;
    this.#refuse(place, what, most);
    return [];
  }

  /** Notes the owner of a token or certificate: no other user may have the same. */
  #claim(
    owners: Map<string, string>,
    key: string,
    user: string,
    place: string,
    what: string,
  ): void {
    const owner = owners.get(key);
    if (owner === undefined) owners.set(key, user);
    else this.#refuse(place, `${what} of user ${describe(owner)} again`, "it once");
  }

  #refuse(place: string, found: string, allowed: string, isAdvice = false): void {
    if (this.#mistakes.length >= MISTAKES_MAX) return;
    const end = isAdvice ? allowed : `allowed ${allowed}`;
    this.#mistakes.push(
      `${JSON.stringify(hideTokens(place))} in ${describe(this.#path)}: found ${found}, ${end}`,
    );
  }
}

/** Whether there is anything that may be done: otherwise nobody is let in for it. */
function allowsSome(permissions: PermissionFields = {}): boolean {
  return Object.values(permissions).some((value) =>
    typeof value === "boolean" ? value : value.length > 0
  );
}
