import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { TokenOutlet } from "./token_outlet.ts";
import { changeUsers, requireUser } from "./user_change.ts";
import { findUsersPath, PLACE_FLAGS, TOKEN_FLAGS, UserFlags } from "./user_flags.ts";

const NAME = "user rotate";

/** `user rotate`: gives a user another token. */
export const rotate: CommandBody = {
  examples: ["user rotate shop", "user rotate shop --revoke-others --token-file shop.token"],
  flags: [
    { name: "revoke-others", about: "Removes all other tokens of the user at once" },
    ...TOKEN_FLAGS,
    ...PLACE_FLAGS,
  ],
  words: [1, 1],
  details:
    "The old tokens stay valid until they are removed: give the new one to the application,\n" +
    'then look with "user ls" which one is no longer used, and remove it with\n' +
    '"user rm <name> --token <id>".',
  async run(args, context) {
    const flags = new UserFlags(args, NAME);
    const name = flags.readName();
    const label = flags.readText("label");
    const expires = flags.readExpiry(context.now());
    flags.check();
    const path = await findUsersPath(args, context);
    const outlet = new TokenOutlet(args, context, NAME);
    await outlet.giveAfter(() =>
      changeUsers(path, context, (draft) => {
        const user = requireUser(draft, name, NAME);
        const others = args.has("revoke-others") ? [] : user.tokens;
        const tokens = [...others, outlet.entry({ label, expires })];
        draft.users.set(name, { ...user, tokens });
        return `User "${name}" has ${tokens.length === 1 ? "1 token" : `${tokens.length} tokens`}`;
      })
    );
    outlet.explain();
    return ExitCode.stopped;
  },
};
