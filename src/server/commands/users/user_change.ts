import { isAbsolute } from "node:path";
import type { UserEntry } from "../../access/users/users_file.ts";
import { type CommandContext, CommandError } from "../command.ts";
import { editUsers, type UsersDraft, type UsersEdit } from "./users_editor.ts";

/**
 * Edits the users, and tells people when that takes effect.
 *
 * @param edit Changes the users; returns what it has done, as a sentence without a period.
 */
export async function changeUsers(
  path: string,
  context: CommandContext,
  edit: (draft: UsersDraft) => string,
): Promise<void> {
  let done = "";
  const result = await editUsers(path, (draft) => {
    done = edit(draft);
  });
  context.note(`${done}.`);
  context.note(describeEffect(path, result));
  if (result.hasLostComments) {
    context.note("Comments are kept only at the beginning of the file; others are gone.");
  }
}

/** The user of that name; throws a {@linkcode CommandError} if there is none. */
export function requireUser({ users }: UsersDraft, name: string, command: string): UserEntry {
  const user = users.get(name);
  if (user !== undefined) return user;
  const known = [...users.keys()].slice(0, 10).map((name) => `"${name}"`).join(", ");
  const more = users.size > 10 ? " and others" : "";
  throw new CommandError(
    `Cannot run "${command}": there is no user "${name}", ` +
      (users.size === 0 ? "and none at all" : `allowed ${known}${more}`),
  );
}

function describeEffect(named: string, { path: found, isNew }: UsersEdit): string {
  // A relative path does not tell whoever is in a wrong directory.
  const path = isAbsolute(named) ? named : found;
  return isNew
    ? `Created ${path}; a running broker takes it up at its next start. From then on every client ` +
      "needs a token or a certificate."
    : `Changed ${path}; a running broker takes it up within a second.`;
}
