import type { CommandGroup } from "../command.ts";

/** Brokers that take over from each other. */
export const CLUSTER_COMMANDS: CommandGroup = {
  title: "The cluster",
  commands: [
    {
      name: "cluster status",
      usage: "",
      about: "tells which broker is active, how far the standbys are, and how the log is",
      load: async () => (await import("./status.ts")).status,
    },
    {
      name: "cluster handover",
      usage: "",
      about: "gives the lead to a standby, and clients move there",
      load: async () => (await import("./handover.ts")).handover,
    },
    {
      name: "cluster verify",
      usage: "",
      about: "compares a broker's directory with the log of its cluster",
      load: async () => (await import("./verify.ts")).verify,
    },
    {
      name: "cluster import",
      usage: "<directory>",
      about: "makes a broker's directory the beginning of a cluster's empty log",
      load: async () => (await import("./import.ts")).importJournal,
    },
    {
      name: "cluster export",
      usage: "<directory>",
      about: "makes a journal of a single broker of a cluster's log",
      load: async () => (await import("./export.ts")).exportLog,
    },
  ],
};
