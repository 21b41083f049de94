import type { CommandGroup } from "../command.ts";

/** The file of users, on the machine of the broker. */
export const USER_COMMANDS: CommandGroup = {
  title: "Users",
  commands: [
    {
      name: "user add",
      usage: "<name> [flags]",
      about: "adds a user with a token, which is printed once",
      load: async () => (await import("./add.ts")).add,
    },
    {
      name: "user ls",
      usage: "[--json]",
      about: "lists users, their permissions and tokens",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "user rm",
      usage: "<name> [--token <id>]",
      about: "removes a user, or one token",
      load: async () => (await import("./rm.ts")).rm,
    },
    {
      name: "user rotate",
      usage: "<name> [--revoke-others] [flags]",
      about: "gives a user another token, which is printed once",
      load: async () => (await import("./rotate.ts")).rotate,
    },
    {
      name: "user password",
      usage: "<name> [--remove]",
      about: "sets a password for the management page",
      load: async () => (await import("./password.ts")).password,
    },
    {
      name: "user grant",
      usage: "<name> [--revoke] <flags of permissions>",
      about: "adds permissions, or removes them",
      load: async () => (await import("./grant.ts")).grant,
    },
  ],
};
