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
    {
      name: "ping",
      usage: "[--wait <span>]",
      about: "asks whether a broker is well; needs no token",
      load: async () => (await import("./ping.ts")).ping,
    },
    {
      name: "info",
      usage: "",
      about: "describes a running broker",
      load: async () => (await import("./info.ts")).info,
    },
    {
      name: "top",
      usage: "[--sort <order>]",
      about: "shows what goes in and out of streams, and what waits, again and again",
      load: async () => (await import("./top.ts")).top,
    },
    {
      name: "log-level",
      usage: "[<level>]",
      about: "tells or sets the level of a running broker's log",
      load: async () => (await import("./log_level.ts")).logLevel,
    },
    {
      name: "connection ls",
      usage: "",
      about: "lists the connections of a broker",
      load: async () => (await import("./connection.ts")).ls,
    },
    {
      name: "connection close",
      usage: "<id>… | --user <name> | --client <name>",
      about: "closes connections, and tells their clients why",
      load: async () => (await import("./connection.ts")).close,
    },
  ],
};
