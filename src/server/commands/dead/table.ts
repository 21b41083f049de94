import type { CommandGroup } from "../command.ts";

/** Messages that failed too often or were rejected. */
export const DEAD_COMMANDS: CommandGroup = {
  title: "Dead letters",
  commands: [
    {
      name: "dead ls",
      usage: "[stream] [flags]",
      about: "lists dead letters, or the streams that have some",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "dead show",
      usage: "<stream> <id>",
      about: "tells why a message is a dead letter",
      load: async () => (await import("./show.ts")).show,
    },
    {
      name: "dead redrive",
      usage: "<stream> [flags]",
      about: "sends dead letters back to their stream",
      load: async () => (await import("./redrive.ts")).redrive,
    },
    {
      name: "dead drop",
      usage: "<stream> <flags> [--dry-run | --yes]",
      about: "removes dead letters for good",
      load: async () => (await import("./drop.ts")).drop,
    },
  ],
};
