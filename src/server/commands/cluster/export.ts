import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { formatBytes } from "../output/quantities.ts";
import { CLUSTER_DETAILS, CLUSTER_FLAGS, withWork } from "./cluster_settings.ts";

/** `cluster export`: makes a journal of a cluster's log. */
export const exportLog: CommandBody = {
  examples: [
    "cluster export /backup/monday",
    "cluster export /var/lib/simplemq --settings /etc/simplemq/settings.yaml",
  ],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...CLUSTER_FLAGS],
  words: [1, 1],
  details:
    "The directory is new, or empty. What was confirmed before the export began is in it; brokers\n" +
    "go on meanwhile. A single broker starts with it, or another cluster imports it.\n\n" +
    CLUSTER_DETAILS,
  async run(args, context) {
    const [directory = ""] = args.words;
    const { cluster } = await context.loadProgram();
    return await withWork(args, context, async (work) => {
      const done = await cluster.export(directory, work);
      if (args.has("json")) context.print(`${JSON.stringify(done, undefined, 2)}\n`);
      else {
        const what = `${done.segments} segment${done.segments === 1 ? "" : "s"}`;
        context.print(
          `exported ${what}, ${formatBytes(done.bytes)}, up to record ${done.sequence}: ` +
            `a single broker can be started with ${directory}\n`,
        );
      }
      return ExitCode.stopped;
    });
  },
};
