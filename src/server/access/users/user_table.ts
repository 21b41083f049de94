import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { Permissions } from "../permissions.ts";
import { EMPTY_TOKEN_HASH, hashToken } from "./token.ts";
import { ANONYMOUS_NAME, User } from "../user.ts";
import type { TokenEntry, UserEntry, UsersFile } from "./users_file.ts";

/** A token that was found. */
export interface FoundToken {
  readonly user: User;
  /** Its SHA-256, as hex digits. */
  readonly hash: string;
  /** From when on it is not valid any more, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The users in force, by tokens and certificates. A user stays the same object when the file changes. */
export class UserTable {
  readonly #users = new Map<string, User>();
  readonly #tokens = new Map<string, FoundToken>();
  readonly #certificates = new Map<string, User>();
  #entries: ReadonlyMap<string, UserEntry> = new Map();
  #anonymous: User | undefined;
  #hasPasswords = false;

  constructor(file: UsersFile) {
    this.replace(file);
  }

  get count(): number {
    return this.#users.size;
  }

  /** The user of sessions without a credential, if these have permissions. */
  get anonymous(): User | undefined {
    return this.#anonymous;
  }

  /** The hashes of all tokens. */
  get hashes(): Iterable<string> {
    return this.#tokens.keys();
  }

  find(name: string): User | undefined {
    return name === ANONYMOUS_NAME ? this.#anonymous : this.#users.get(name);
  }

  /** Finds a token that is valid. It takes the same time whether there is one or not. */
  findToken(token: string, now: number): FoundToken | undefined {
    const hash = hashToken(token);
    const found = this.#tokens.get(hash);
    const isSame = timingSafeEqual(Buffer.from(hash), Buffer.from(found?.hash ?? EMPTY_TOKEN_HASH));
    return isSame && found !== undefined && now < found.expiresAt ? found : undefined;
  }

  /** Finds a valid token by its hash. */
  findHash(hash: string, now: number): FoundToken | undefined {
    const found = this.#tokens.get(hash);
    return found !== undefined && now < found.expiresAt ? found : undefined;
  }

  /** Whether any user has a password. */
  get hasPasswords(): boolean {
    return this.#hasPasswords;
  }

  /** The hash of a user's password, if the user has one. */
  findPassword(name: string): string | undefined {
    return this.#entries.get(name)?.password;
  }

  /** Finds the one user whose certificate has one of these names; none if they are names of several. */
  findCertificate(names: readonly string[]): User | undefined {
    const found = new Set(names.map((name) => this.#certificates.get(name)));
    found.delete(undefined);
    return found.size === 1 ? [...found][0] : undefined;
  }

  /** Takes over another file; returns the users whose permissions or limits have changed. */
  replace(file: UsersFile): ReadonlySet<User> {
    const changed = new Set<User>();
    const before = this.#entries;
    this.#entries = file.users;
    this.#hasPasswords = file.users.values().some(({ password }) => password !== undefined);
    this.#tokens.clear();
    this.#certificates.clear();
    for (const [name, entry] of file.users) {
      const user = this.#update(name, entry, before.get(name), changed);
      for (const token of entry.tokens) this.#addToken(user, token);
      if (entry.certificate !== undefined) this.#certificates.set(entry.certificate, user);
    }
    for (const name of [...this.#users.keys()]) {
      if (!file.users.has(name)) this.#users.delete(name);
    }
    this.#replaceAnonymous(file, changed);
    return changed;
  }

  #update(
    name: string,
    entry: UserEntry,
    before: UserEntry | undefined,
    changed: Set<User>,
  ): User {
    const { permissions, limits } = entry;
    const known = this.#users.get(name);
    const user = known ?? new User(name, new Permissions(permissions), limits);
    this.#users.set(name, user);
    if (known === undefined || before === undefined) return user;
    if (isSame(before.permissions, permissions) && isSame(before.limits, limits)) return user;
    user.permissions = new Permissions(permissions);
    user.limits = limits;
    changed.add(user);
    return user;
  }

  #addToken(user: User, { sha256: hash, expires }: TokenEntry): void {
    const expiresAt = expires === undefined ? Infinity : Date.parse(expires);
    this.#tokens.set(hash, { user, hash, expiresAt });
  }

  #replaceAnonymous({ anonymous: fields }: UsersFile, changed: Set<User>): void {
    const known = this.#anonymous;
    if (fields === undefined || known === undefined) {
      this.#anonymous = fields && new User(ANONYMOUS_NAME, new Permissions(fields));
      return;
    }
    known.permissions = new Permissions(fields);
    changed.add(known);
  }
}

function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
