import type { CommandGroup } from "../command.ts";

/** Streams, and the followers that take from them. */
export const STREAM_COMMANDS: CommandGroup = {
  title: "Streams and followers",
  commands: [
    {
      name: "stream ls",
      usage: "[pattern] [flags]",
      about: "lists streams and what is in them",
      load: async () => (await import("./ls.ts")).ls,
    },
    {
      name: "stream add",
      usage: "<name>… [flags]",
      about: "creates streams",
      load: async () => (await import("./add.ts")).add,
    },
    {
      name: "stream info",
      usage: "<name>",
      about: "tells the figures and options of a stream",
      load: async () => (await import("./info.ts")).info,
    },
    {
      name: "stream set",
      usage: "<name> <flags>",
      about: "changes options of a stream",
      load: async () => (await import("./set.ts")).set,
    },
    {
      name: "stream pause",
      usage: "<name>…",
      about: "stops deliveries from streams",
      load: async () => (await import("./pause.ts")).pause,
    },
    {
      name: "stream resume",
      usage: "<name>…",
      about: "goes on with deliveries",
      load: async () => (await import("./pause.ts")).resume,
    },
    {
      name: "stream purge",
      usage: "<name> [--dry-run | --yes]",
      about: "removes the ready and delayed messages of a stream",
      load: async () => (await import("./purge.ts")).purge,
    },
    {
      name: "stream rm",
      usage: "<name> [--dry-run | --yes]",
      about: "deletes a stream with its messages",
      load: async () => (await import("./purge.ts")).rm,
    },
    {
      name: "stream apply",
      usage: "<file> [--dry-run] [--prune]",
      about: "creates and changes streams as a file declares them",
      load: async () => (await import("./apply.ts")).apply,
    },
    {
      name: "explain",
      usage: "<stream>",
      about: "tells why messages are not delivered, and what mends it",
      load: async () => (await import("./explain.ts")).explain,
    },
    {
      name: "pel ls",
      usage: "[follower] [flags]",
      about: "lists the messages that followers hold",
      load: async () => (await import("./pel.ts")).pelLs,
    },
    {
      name: "pel release",
      usage: "<follower> [--dry-run | --yes]",
      about: "takes back the messages that a follower holds",
      load: async () => (await import("./pel.ts")).pelRelease,
    },
  ],
};
