import {
  findPasswordMistake,
  hashPassword,
  PASSWORD_LENGTH_MIN,
} from "../../access/users/password.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { changeUsers, requireUser } from "./user_change.ts";
import { findUsersPath, PLACE_FLAGS, UserFlags } from "./user_flags.ts";
import { readUsers } from "./users_editor.ts";

const NAME = "user password";

/** The most that is read of standard input, in bytes: more is no password. */
const INPUT_BYTES_MAX = 4096;

/** `user password`: sets the password of a user for the page, or removes it. */
export const password: CommandBody = {
  examples: ["user password ann", "user password ann --remove"],
  flags: [
    { name: "remove", about: "Removes the password; the user's sessions of the page end" },
    ...PLACE_FLAGS,
  ],
  words: [1, 1],
  details:
    "The password is asked for, twice, and not shown; without a terminal it is the first line of\n" +
    `standard input. It has ${PASSWORD_LENGTH_MIN} characters or more. It is for people, who log in on the\n` +
    "management page; programs have tokens. Only a hash of it is stored.",
  async run(args, context) {
    const flags = new UserFlags(args, NAME);
    const name = flags.readName();
    flags.check();
    const path = await findUsersPath(args, context);
    const isRemoved = args.has("remove");
    // Nobody types a password in vain.
    requireUser(await readUsers(path), name, NAME);
    const hash = isRemoved ? undefined : await hashPassword(await readPassword(name, context));
    await changeUsers(path, context, (draft) => {
      const user = requireUser(draft, name, NAME);
      draft.users.set(name, { ...user, password: hash });
      return `User "${name}" has ${
        isRemoved ? "no password" : "a new password"
      } for the management page`;
    });
    return ExitCode.stopped;
  },
};

/** Asks for a password, or takes it from standard input, and refuses one that others would guess. */
async function readPassword(user: string, context: CommandContext): Promise<string> {
  const found = context.isInteractive
    ? context.askSecret(`Password for "${user}":`)
    : await readLine(context.readInput());
  if (found === undefined) {
    throw refuse("found none, allowed one that is typed, or on standard input");
  }
  const mistake = findPasswordMistake(found, user);
  if (mistake !== undefined) throw refuse(mistake);
  if (context.isInteractive && context.askSecret("Once more:") !== found) {
    throw refuse("found another one the second time, allowed the same twice");
  }
  return found;
}

/** The first line of an input. */
async function readLine(input: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of input) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes("\n") || text.length > INPUT_BYTES_MAX) break;
  }
  const [line = ""] = text.split(/\r?\n/, 1);
  return line === "" ? undefined : line;
}

function refuse(why: string): CommandError {
  return new CommandError(`Cannot run "${NAME}": the password: ${why}`);
}
