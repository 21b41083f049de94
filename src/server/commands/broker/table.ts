import type { CommandGroup } from "../command.ts";

/** The broker, and what it is doing. */
export const BROKER_COMMANDS: CommandGroup = {
  title: "The broker",
  commands: [
    {
      name: "serve",
      usage: "[flags]",
      about: "runs the broker; so does simplemq with flags alone",
      load: async () => (await import("./serve.ts")).serve,
    },
  ],
};
