import type { CommandGroup } from "../command.ts";

/** Journals, on the machine of the broker. */
export const JOURNAL_COMMANDS: CommandGroup = {
  title: "Journals",
  commands: [
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
    {
      name: "backup",
      usage: "<directory> | --to -",
      about: "copies the journal of a running broker, up to one position",
      load: async () => (await import("./backup.ts")).backup,
    },
    {
      name: "restore",
      usage: "<backup> [--to <directory>]",
      about: "makes a journal of a backup, and checks it",
      load: async () => (await import("./restore.ts")).restore,
    },
    {
      name: "export",
      usage: "[stream | /pattern/]... [--no-dead]",
      about: "writes messages as JSON lines",
      load: async () => (await import("../transfer/export.ts")).exportCommand,
    },
    {
      name: "import",
      usage: "[file | -] [--stream <old>=<new>] [--from-line <number>]",
      about: "publishes messages of an export",
      load: async () => (await import("../transfer/import.ts")).importCommand,
    },
  ],
};
