import { deadline } from "@std/async/deadline";
import { dirname } from "node:path";
import type { PermissionFields } from "../../access/permissions.ts";
import { parseUsers, type UserEntry, UsersFileError } from "../../access/users/users_file.ts";
import { formatUsers } from "../../access/users/users_text.ts";
import { CommandError } from "../command.ts";
import { keepOwner, OpenDirectory, readFileIfThere, writeAll } from "../files.ts";

/** How long a command waits for another one that edits the same file, in milliseconds. */
const LOCK_TIMEOUT_MS = 10_000;

/** What stands at the beginning of a new file. */
const HEAD =
  "# The users of the broker. The commands user add, rm, rotate, password and grant edit this file.\n";

/** Users while they are edited. */
export interface UsersDraft {
  readonly users: Map<string, UserEntry>;
  /** The permissions of sessions without a credential, if they have any. */
  anonymous: PermissionFields | undefined;
}

/** What an edit has done. */
export interface UsersEdit {
  /** The file, links resolved. */
  readonly path: string;
  /** Whether there was no file before. */
  readonly isNew: boolean;
  /** Whether there were comments that could not be kept. */
  readonly hasLostComments: boolean;
}

/** Reads a file of users; without one there are none. Throws a {@linkcode CommandError}. */
export async function readUsers(path: string): Promise<UsersDraft> {
  let text: string | undefined;
  try {
    text = await readFileIfThere(path);
  } catch (error) {
    throw explain(error, path);
  }
  return text === undefined ? { users: new Map(), anonymous: undefined } : parse(text, path);
}

/**
 * Edits a file of users. Nobody sees half of it, and of commands that edit it at once each finds what
 * the other ones have done.
 *
 * The new text is written into a file beside the old one, which is then renamed; the lock is on that
 * file, so nothing is left behind.
 *
 * @param named The file, or a link to it; it need not be there.
 * @param edit Changes the users; throws a {@linkcode CommandError} if that cannot be.
 */
export async function editUsers(
  named: string,
  edit: (draft: UsersDraft) => void,
): Promise<UsersEdit> {
  let path = named;
  try {
    path = await resolveLinks(named);
    const temporary = `${path}.new`;
    for (const start = Date.now(); Date.now() - start < LOCK_TIMEOUT_MS;) {
      using file = await Deno.open(temporary, {
        read: true,
        write: true,
        create: true,
        mode: 0o600,
      });
      await deadline(file.lock(true), LOCK_TIMEOUT_MS);
      // The command that held the lock has renamed or removed the file that was opened here.
      if (!await isAt(file, temporary)) continue;
      return await replaceUsers(path, temporary, file, edit);
    }
    throw new CommandError(describeLock(temporary));
  } catch (error) {
    throw explain(error, path);
  }
}

async function replaceUsers(
  path: string,
  temporary: string,
  file: Deno.FsFile,
  edit: (draft: UsersDraft) => void,
): Promise<UsersEdit> {
  try {
    using directory = await OpenDirectory.open(dirname(path));
    const old = await readFileIfThere(path);
    const draft = old === undefined ? { users: new Map(), anonymous: undefined } : parse(old, path);
    edit(draft);
    const head = old === undefined ? HEAD : findHead(old);
    const text = head + formatUsers(draft);
    // No broker refuses what a command has written.
    parse(text, path);
    await file.truncate(0);
    await writeAll(file, text);
    await keepOwner(path, temporary);
    if (Deno.build.os !== "windows") {
      // The group may read it as before; nobody else needs to.
      const mode = old === undefined ? 0 : (await Deno.stat(path)).mode ?? 0;
      await Deno.chmod(temporary, mode & 0o660 | 0o600);
    }
    await file.sync();
    await Deno.rename(temporary, path);
    await directory.flush();
    const hasLostComments = /^[ \t]*#|[ \t]#/m.test((old ?? "").slice(head.length));
    const found = await Deno.realPath(path).catch(() => path);
    return { path: found, isNew: old === undefined, hasLostComments };
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** The comment at the beginning of a file, which is kept; there is no place for those inside. */
function findHead(text: string): string {
  return /^(?:[ \t]*(?:#.*)?\r?\n)*/.exec(text)?.[0] ?? "";
}

function parse(text: string, path: string): UsersDraft {
  try {
    const { users, anonymous } = parseUsers(text, path);
    return { users: new Map(users), anonymous };
  } catch (error) {
    if (!(error instanceof UsersFileError)) throw error;
    const lines = error.mistakes.map((mistake) => `Cannot use the users: ${mistake}`);
    throw new CommandError(lines, { cause: error });
  }
}

async function resolveLinks(named: string): Promise<string> {
  try {
    return await Deno.realPath(named);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const isLink = await Deno.lstat(named).then(({ isSymlink }) => isSymlink, () => false);
  if (!isLink) return named;
  throw new CommandError(`Cannot change ${named}: it is a link to a file that does not exist`);
}

/** Whether a path still leads to an open file, and not to another one or to nothing. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  try {
    const [open, found] = [await file.stat(), await Deno.lstat(path)];
    if (found.isSymlink) throw new CommandError(`Cannot write ${path}: it is a link; remove it`);
    return open.dev === found.dev && open.ino === found.ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function describeLock(temporary: string): string {
  return `Cannot change the users: another command has held ${temporary} for ` +
    `${LOCK_TIMEOUT_MS / 1000} seconds; wait for it, or end it`;
}

/** Names the file in what the system says. */
function explain(error: unknown, path: string): unknown {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new CommandError(describeLock(`${path}.new`), { cause: error });
  }
  if (error instanceof CommandError) return error;
  if (error instanceof Deno.errors.NotCapable) {
    return new CommandError(`Cannot use ${dirname(path)}: ${error.message}`, { cause: error });
  }
  if (error instanceof Deno.errors.NotFound) {
    const lines = `Cannot use ${path}: there is no directory ${dirname(path)}`;
    return new CommandError(lines, { cause: error });
  }
  if (!(error instanceof Error && "code" in error)) return error;
  return new CommandError(`Cannot use ${path}: ${error.message}`, { cause: error });
}
