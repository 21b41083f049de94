import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { formatBytes } from "../output/quantities.ts";
import { CLUSTER_DETAILS, CLUSTER_FLAGS, withWork } from "./cluster_settings.ts";

/** `cluster import`: makes a journal the beginning of a cluster's log. */
export const importJournal: CommandBody = {
  examples: [
    "cluster import /var/lib/simplemq-old",
    "cluster import /backup/restored --settings /etc/simplemq/settings.yaml",
  ],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...CLUSTER_FLAGS],
  words: [1, 1],
  details:
    "The directory is that of a broker that was stopped, a restored backup, or that of a broker of\n" +
    "a cluster whose log is lost; it stays as it is. The log must be empty. Brokers of the cluster\n" +
    `may wait for it meanwhile.\n\n${CLUSTER_DETAILS}`,
  async run(args, context) {
    const [directory = ""] = args.words;
    const { cluster } = await context.loadProgram();
    return await withWork(args, context, async (work) => {
      const done = await cluster.import(directory, work);
      if (args.has("json")) context.print(`${JSON.stringify(done, undefined, 2)}\n`);
      else {
        const { name } = work.settings.cluster;
        const what = `${done.segments} segment${done.segments === 1 ? "" : "s"}`;
        context.print(
          `imported ${what}, ${formatBytes(done.bytes)}: cluster "${name}" begins with them\n`,
        );
      }
      return ExitCode.stopped;
    });
  },
};
