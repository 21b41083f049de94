import { createHash } from "node:crypto";
import type { LogFields } from "../../log.ts";
import { SettingsError } from "../../settings/settings.ts";
import { describe } from "../../settings/found_value.ts";
import type { StartSettings } from "../../settings/start_settings.ts";
import { FileWatch } from "../../file_watch.ts";
import { ANONYMOUS_NAME } from "../user.ts";
import { type LastUses, readLastUses, TokenUses } from "./token_uses.ts";
import { UserTable } from "./user_table.ts";
import { parseUsers, USERS_BYTES_MAX, type UsersFile, UsersFileError } from "./users_file.ts";

/** Bits of a file's mode: everybody may read it, everybody may change it. */
const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

/** The parts of a {@linkcode UsersWatch}. */
interface UsersWatchParts {
  /** What is in the file. */
  readonly users: UsersFile;
  readonly uses: LastUses;
  readonly debug: (message: string, fields: LogFields) => void;
}

/** The surroundings of a {@linkcode UsersWatch}. */
export interface UsersWatchOwner {
  /** Takes over the users that are in force from now on. */
  readonly access: { readonly replace: (file: UsersFile) => void };
  readonly report: (level: "info" | "warning", message: string, fields: LogFields) => void;
  /** Hears of the time of the next tick, if that is earlier than the last one returned. */
  readonly hasten: (at: number) => void;
}

/**
 * The file of users, and what is in force of it. A file that is half written, cannot be read, is gone or
 * has mistakes changes nothing: the last good one stays in force.
 */
export class UsersWatch {
  /** The users in force. */
  readonly table: UserTable;
  readonly uses: TokenUses;
  readonly #path: string;
  readonly #watch: FileWatch<UsersFile>;
  /** What is in force of the file. */
  #users: UsersFile;
  /** The hash of these users, once somebody has asked for it. */
  #hashed: { readonly users: UsersFile; readonly hash: string } | undefined;
  /** The mistake that was told, while the file has one. */
  #told: string | undefined;

  private constructor(path: string, watch: FileWatch<UsersFile>, parts: UsersWatchParts) {
    const { users, uses, debug } = parts;
    const table = new UserTable(users);
    this.#path = path;
    this.#watch = watch;
    this.#users = users;
    this.table = table;
    this.uses = new TokenUses({ usersPath: path, uses, hashes: () => table.hashes, debug });
  }

  /**
   * Reads the file at the start.
   *
   * @param start Where the file is, and whether it may be missing.
   * @param debug Writes a line into the log, at the level `debug`.
   * @returns Nothing if there are no users.
   * @throws {SettingsError} With all mistakes.
   */
  static async open(
    { users: { path, isDefault }, describe: name }: Pick<StartSettings, "users" | "describe">,
    debug: UsersWatchParts["debug"],
  ): Promise<UsersWatch | undefined> {
    if (path === "") return undefined;
    const watch = new FileWatch<UsersFile>([path]);
    try {
      const users = await watch.read(() => readUsersFile(path));
      return new UsersWatch(path, watch, { users, uses: await readLastUses(path), debug });
    } catch (error) {
      if (error instanceof UsersFileError) throw new SettingsError(error.mistakes);
      const isMissing = error instanceof Deno.errors.NotFound;
      const isLink = isMissing && await isThere(path);
      if (isMissing && !isLink && isDefault) return undefined;
      const why = isLink
        ? "a link to what does not exist, allowed a file of users"
        : isMissing
        ? "which does not exist, allowed a file of users"
        : `a file that cannot be read: ${explain(error)}`;
      throw new SettingsError([`${name("users")}: found ${describe(path)}, ${why}`]);
    }
  }

  /** Why the file is not as safe as it should be: a sentence without a period. */
  async findWarning(): Promise<string | undefined> {
    const path = this.#path;
    const { mode } = await Deno.stat(path).catch(() => ({ mode: undefined }));
    const found = mode ?? 0;
    const shown = `file ${describe(path)} has mode ${(found & 0o777).toString(8)}`;
    if (found & OTHERS_WRITE) {
      return `${shown}: everybody on this machine can make themselves a user`;
    }
    if (found & OTHERS_READ) {
      return `${shown}: everybody on this machine can read who has which tokens`;
    }
    return undefined;
  }

  /** A hash of the users in force, whatever the order in which the file has them. */
  get hash(): string {
    if (this.#hashed?.users !== this.#users) {
      const { users, anonymous } = this.#users;
      const names = [...users.keys()].sort();
      const text = JSON.stringify([
        names.map((name) => [name, users.get(name)]),
        anonymous ?? null,
      ]);
      const hash = createHash("sha256").update(text).digest("hex");
      this.#hashed = { users: this.#users, hash };
    }
    return this.#hashed.hash;
  }

  /** Tells of changes from now on. */
  watch({ access, report, hasten }: UsersWatchOwner): void {
    const file = this.#path;
    this.#watch.watch({
      read: () => readUsersFile(file),
      hasten,
      onFault: (fault) => this.#keep(explain(fault), report),
      onContent: (users) => {
        access.replace(users);
        this.#told = undefined;
        report("info", "changed users are in force", {
          file,
          ...describeChange(this.#users, users),
        });
        this.#users = users;
      },
    });
  }

  /** Looks at the file, and notes the uses of tokens; returns when to call it again. */
  tick(now: number): number {
    return Math.min(this.#watch.tick(now), this.uses.tick(now));
  }

  /** Resolves when nothing is under way. */
  whenLooked(): Promise<void> {
    return this.#watch.whenLooked();
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.uses.close();
  }

  /** Keeps the last good users, and tells why, once for each mistake. */
  #keep(mistake: string, report: UsersWatchOwner["report"]): void {
    if (mistake === this.#told) return;
    this.#told = mistake;
    report("warning", "the users stay as they were: their file cannot be used", {
      file: this.#path,
      mistake,
    });
  }
}

/** How many names of users a line of the log has. */
const SHOWN_MAX = 20;

/** Whose entries have changed, for the log. */
function describeChange(before: UsersFile, after: UsersFile): LogFields {
  const show = (names: readonly string[]) => {
    const more = names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more` : "";
    return names.length === 0 ? undefined : names.slice(0, SHOWN_MAX).join(", ") + more;
  };
  const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
  const names = [...after.users.keys()];
  const changed = names.filter((name) => {
    const known = before.users.get(name);
    return known !== undefined && !isSame(known, after.users.get(name));
  });
  if (!isSame(before.anonymous, after.anonymous)) changed.push(ANONYMOUS_NAME);
  return {
    users: after.users.size,
    added: show(names.filter((name) => !before.users.has(name))),
    removed: show([...before.users.keys()].filter((name) => !after.users.has(name))),
    changed: show(changed),
  };
}

/** Whether there is anything at a path: a link that leads nowhere does not mean that nobody is wanted. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

async function readUsersFile(path: string): Promise<UsersFile> {
  const { isFile, isDirectory, size } = await Deno.stat(path);
  // A pipe may never end.
  if (!isFile) {
    throw new Error(`found ${isDirectory ? "a directory" : "a pipe or device"}, allowed a file`);
  }
  if (size > USERS_BYTES_MAX) throw new Error(`found ${size} bytes, allowed ${USERS_BYTES_MAX}`);
  return parseUsers(await Deno.readTextFile(path), path);
}

function explain(error: unknown): string {
  if (error instanceof UsersFileError) return error.mistakes.join("; ");
  return error instanceof Error ? error.message : String(error);
}
