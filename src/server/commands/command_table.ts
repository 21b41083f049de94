import type { Command } from "./command.ts";

/** All commands, in the order in which the help lists them. */
export const COMMANDS: readonly Command[] = [
  {
    name: "cert",
    usage: "[names] [--directory <path>] [--days <number>] [--client <name>]",
    about: "makes certificates for development, and the authority that signs them",
    load: async () => (await import("./cert.ts")).cert,
  },
  {
    name: "user add",
    usage: "<name> [flags]",
    about: "adds a user with a token, which is printed once",
    load: async () => (await import("./users/add.ts")).add,
  },
  {
    name: "user ls",
    usage: "[--json]",
    about: "lists users, their permissions and tokens",
    load: async () => (await import("./users/ls.ts")).ls,
  },
  {
    name: "user rm",
    usage: "<name> [--token <id>]",
    about: "removes a user, or one token",
    load: async () => (await import("./users/rm.ts")).rm,
  },
  {
    name: "user rotate",
    usage: "<name> [--revoke-others] [flags]",
    about: "gives a user another token, which is printed once",
    load: async () => (await import("./users/rotate.ts")).rotate,
  },
  {
    name: "user grant",
    usage: "<name> [--revoke] <flags of permissions>",
    about: "adds permissions, or removes them",
    load: async () => (await import("./users/grant.ts")).grant,
  },
  {
    name: "verify",
    usage: "[directory]",
    about: "tells what is in a journal, and what is wrong with it",
    load: async () => (await import("./journal.ts")).verify,
  },
  {
    name: "repair",
    usage: "[directory] [--skip-damaged | --cut]",
    about: "tells how a damaged journal can be repaired, or does so",
    load: async () => (await import("./journal.ts")).repair,
  },
];

/** The commands whose names begin with these words: one, or a group such as `user`. */
export function findCommands(words: readonly string[]): readonly Command[] {
  const text = words.join(" ");
  return COMMANDS.filter(({ name }) => name === text || name.startsWith(`${text} `));
}

/** The command at the beginning of a command line, and the number of its words. */
export function matchCommand(
  args: readonly string[],
): { readonly command: Command; readonly count: number } | undefined {
  for (const command of COMMANDS) {
    const words = command.name.split(" ");
    if (words.every((word, index) => args[index] === word)) return { command, count: words.length };
  }
  return undefined;
}
