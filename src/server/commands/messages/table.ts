import type { CommandGroup } from "../command.ts";

/** Messages: sent, received, looked at. */
export const MESSAGE_COMMANDS: CommandGroup = {
  title: "Messages",
  commands: [
    {
      name: "publish",
      usage: "<stream> [body | -] [flags]",
      about: "sends messages",
      load: async () => (await import("./publish.ts")).publish,
    },
    {
      name: "follow",
      usage: "<stream | /pattern/> [flags]",
      about: "receives messages until Ctrl-C",
      load: async () => (await import("./follow.ts")).follow,
    },
    {
      name: "peek",
      usage: "<stream> [--from <id>] [--limit <number>]",
      about: "looks at messages without taking them",
      load: async () => (await import("./peek.ts")).peek,
    },
    {
      name: "get",
      usage: "<stream> <id>",
      about: "shows one message",
      load: async () => (await import("./get.ts")).get,
    },
    {
      name: "cancel",
      usage: "<stream> <id>… | <flags>",
      about: "takes messages out of circulation, also those that followers have",
      load: async () => (await import("./cancel.ts")).cancel,
    },
    {
      name: "bench",
      usage: "[--time <span>] [--size <size>]",
      about: "measures throughput and latency of a running broker",
      load: async () => (await import("./bench.ts")).bench,
    },
  ],
};
