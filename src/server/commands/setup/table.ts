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
    {
      name: "context add",
      usage: "<name> --server <address> [flags]",
      about: "gives a broker a name",
      load: async () => (await import("./context.ts")).add,
    },
    {
      name: "context use",
      usage: "<name>",
      about: "chooses the broker of commands that name none",
      load: async () => (await import("./context.ts")).use,
    },
    {
      name: "context ls",
      usage: "",
      about: "lists brokers that have names",
      load: async () => (await import("./context.ts")).ls,
    },
    {
      name: "context rm",
      usage: "<name>",
      about: "forgets the name of a broker",
      load: async () => (await import("./context.ts")).rm,
    },
    {
      name: "completions",
      usage: "<bash | zsh | fish>",
      about: "prints a script by which a shell completes commands",
      load: async () => (await import("./completions.ts")).completions,
    },
  ],
};
