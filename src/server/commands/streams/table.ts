import type { CommandGroup } from "../command.ts";

/** Streams, and the followers that take from them. */
export const STREAM_COMMANDS: CommandGroup = {
  title: "Streams and followers",
  commands: [],
};
