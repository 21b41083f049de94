import type { CommandGroup } from "../command.ts";

/** Messages that the broker stores at dates. */
export const SCHEDULE_COMMANDS: CommandGroup = {
  title: "Schedules",
  commands: [
    {
      name: "schedule ls",
      usage: "[stream] [flags]",
      about: "lists schedules, their next dates, and why one stores nothing",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "schedule put",
      usage: "<name> <stream> <body> <flags>",
      about: "has the broker store a message at dates or at an interval",
      load: async () => (await import("./put.ts")).put,
    },
    {
      name: "schedule pause",
      usage: "<name>…",
      about: "stops schedules",
      load: async () => (await import("./pause.ts")).pause,
    },
    {
      name: "schedule resume",
      usage: "<name>…",
      about: "goes on with schedules",
      load: async () => (await import("./pause.ts")).resume,
    },
    {
      name: "schedule rm",
      usage: "<name> [--dry-run | --yes]",
      about: "deletes a schedule; its messages stay",
      load: async () => (await import("./rm.ts")).rm,
    },
  ],
};
