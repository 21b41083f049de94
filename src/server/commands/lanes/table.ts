import type { CommandGroup } from "../command.ts";

/** Whose messages they are, and how many may be worked on. */
export const LANE_COMMANDS: CommandGroup = {
  title: "Lanes and limits",
  commands: [
    {
      name: "lane ls",
      usage: "<stream> [flags]",
      about: "lists lanes of a stream: who waits, and what holds them back",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "lane set",
      usage: "<stream> <lane> <flags>",
      about: "sets limits, weight or a pause for one lane",
      load: async () => (await import("./set.ts")).set,
    },
    {
      name: "limit ls",
      usage: "[flags]",
      about: "lists the limits that streams share",
      load: async () => (await import("./limit_ls.ts")).limitLs,
    },
    {
      name: "limit put",
      usage: "<name> <flags>",
      about: "sets a limit that streams share",
      load: async () => (await import("./limit_put.ts")).limitPut,
    },
    {
      name: "limit rm",
      usage: "<name> [--dry-run | --yes]",
      about: "removes a shared limit; its streams are not held back any more",
      load: async () => (await import("./limit_rm.ts")).limitRm,
    },
  ],
};
