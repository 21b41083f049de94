import type { TokenEntry } from "../../access/users/users_file.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { type CommandBody, CommandError } from "../command.ts";
import { TokenOutlet } from "./token_outlet.ts";
import { changeUsers } from "./user_change.ts";
import {
  describePermissions,
  findUsersPath,
  LIMIT_FLAGS,
  PATTERN_HELP,
  PERMISSION_FLAGS,
  PLACE_FLAGS,
  TOKEN_FLAGS,
  UserFlags,
} from "./user_flags.ts";

const NAME = "user add";

/** `user add`: adds a user with a token. */
export const add: CommandBody = {
  examples: [
    "user add shop --publish orders",
    "user add mailer --follow 'orders,orders.*' --token-file mailer.token --expires 90d",
    "user add ann --admin",
  ],
  flags: [
    ...PERMISSION_FLAGS,
    {
      name: "certificate",
      value: "<name>",
      about: "The common name, or an alternative name, of the user's client certificate",
    },
    { name: "no-token", about: "Makes no token: the user has a certificate" },
    ...TOKEN_FLAGS,
    ...LIMIT_FLAGS,
    ...PLACE_FLAGS,
  ],
  words: [1, 1],
  details: "The token is printed alone, on standard output, and is stored nowhere: the file of\n" +
    `users has its hash. Without --expires it is valid until it is removed.\n${PATTERN_HELP}`,
  async run(args, context) {
    const flags = new UserFlags(args, NAME);
    const name = flags.readName();
    const permissions = flags.readPermissions();
    const limits = flags.readLimits();
    const certificate = flags.readText("certificate");
    const label = flags.readText("label");
    const expires = flags.readExpiry(context.now());
    const hasToken = !args.has("no-token");
    if (!hasToken && certificate === undefined) {
      flags.refuse("--no-token: without --certificate the user could not log in");
    }
    for (const flag of hasToken ? [] : TOKEN_FLAGS.filter(({ name }) => args.has(name))) {
      flags.refuse(`--${flag.name}: allowed only without --no-token`);
    }
    flags.check();
    const path = await findUsersPath(args, context);
    const outlet = hasToken ? new TokenOutlet(args, context, NAME) : undefined;
    const tokens: TokenEntry[] = outlet ? [outlet.entry({ label, expires })] : [];
    const change = () =>
      changeUsers(path, context, ({ users }) => {
        if (users.has(name)) throw new CommandError(describeExisting(name));
        users.set(name, { tokens, certificate, permissions, limits });
        return `User "${name}" may ${describePermissions(permissions)}`;
      });
    await (outlet ? outlet.giveAfter(change) : change());
    outlet?.explain();
    return ExitCode.stopped;
  },
};

function describeExisting(name: string): string {
  return `Cannot run "${NAME}": there is a user "${name}" already; "user rotate ${name}" makes ` +
    `another token, "user grant ${name}" adds permissions`;
}
