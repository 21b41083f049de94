import type { CommandGroup } from "../command.ts";

/** Messages that failed too often or were rejected. */
export const DEAD_COMMANDS: CommandGroup = {
  title: "Dead letters",
  commands: [],
};
