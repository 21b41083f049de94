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
  ],
};
