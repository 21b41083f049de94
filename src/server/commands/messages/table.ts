import type { CommandGroup } from "../command.ts";

/** Messages: sent, received, looked at. */
export const MESSAGE_COMMANDS: CommandGroup = {
  title: "Messages",
  commands: [],
};
