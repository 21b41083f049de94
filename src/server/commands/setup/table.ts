import type { CommandGroup } from "../command.ts";

/** What is set up on a machine: certificates, contexts, completions. */
export const SETUP_COMMANDS: CommandGroup = {
  title: "This machine",
  commands: [
    {
      name: "cert",
      usage: "[names] [--directory <path>] [--days <number>] [--client <name>]",
      about: "makes certificates for development, and the authority that signs them",
      load: async () => (await import("./cert.ts")).cert,
    },
  ],
};
