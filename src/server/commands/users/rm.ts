import { ANONYMOUS_NAME } from "../../access/user.ts";
import { nameToken } from "../../access/users/token.ts";
import type { UserEntry } from "../../access/users/users_file.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { changeUsers, requireUser } from "./user_change.ts";
import { findUsersPath, PLACE_FLAGS, UserFlags } from "./user_flags.ts";

const NAME = "user rm";

/** `user rm`: removes a user, or one token. */
export const rm: CommandBody = {
  examples: ["user rm shop", "user rm shop --token 3f1a9c"],
  flags: [
    {
      name: "token",
      value: "<id>",
      about: 'Removes only this token: the first digits of its hash, as "user ls" shows them',
    },
    ...PLACE_FLAGS,
  ],
  words: [1, 1],
  details: "Sessions of the user, or with the token, end within a second.\n" +
    '"user rm anonymous" takes their permissions from sessions without a credential.',
  async run(args, context) {
    const flags = new UserFlags(args, NAME);
    const id = args.find("token");
    const name = flags.readName(id === undefined);
    if (id !== undefined && !/^[0-9a-f]{4,64}$/i.test(id)) {
      // It may be the token itself.
      flags.refuse('--token: allowed the first digits of its hash, as "user ls" shows them');
    }
    flags.check();
    const path = await findUsersPath(args, context);
    await changeUsers(path, context, (draft) => {
      if (name === ANONYMOUS_NAME) {
        if (draft.anonymous === undefined) throw new CommandError(NO_ANONYMOUS);
        draft.anonymous = undefined;
        return "Sessions without a credential may do nothing";
      }
      const user = requireUser(draft, name, NAME);
      if (id === undefined) {
        draft.users.delete(name);
        return `User "${name}" is removed`;
      }
      const tokens = removeToken(user, name, id.toLowerCase());
      draft.users.set(name, { ...user, tokens });
      const count = tokens.length === 1 ? "1 token" : `${tokens.length || "no"} tokens`;
      return `User "${name}" has ${count} left`;
    });
    return ExitCode.stopped;
  },
};

const NO_ANONYMOUS = `Cannot run "${NAME}": sessions without a credential have no permissions`;

function removeToken({ tokens }: UserEntry, name: string, id: string): UserEntry["tokens"] {
  const rest = tokens.filter(({ sha256 }) => !sha256.startsWith(id));
  if (rest.length === tokens.length - 1) return rest;
  const known = tokens.map(({ sha256 }) => nameToken(sha256)).slice(0, 10);
  const count = rest.length === tokens.length ? "no token" : "several tokens";
  const allowed = known.length === 0 ? "the user has none" : `allowed ${known.join(", ")}`;
  throw new CommandError(
    `Cannot run "${NAME}": user "${name}" has ${count} whose hash begins with ${id}, ${allowed}`,
  );
}
