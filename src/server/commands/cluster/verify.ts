import { ExitCode } from "../../process/exit_code.ts";
import type { ClusterComparison, CommandBody } from "../command.ts";
import { CLUSTER_DETAILS, CLUSTER_FLAGS, withWork } from "./cluster_settings.ts";

/** `cluster verify`: compares the own directory with the log. */
export const verify: CommandBody = {
  examples: ["cluster verify", "cluster verify --settings /etc/simplemq/settings.yaml"],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...CLUSTER_FLAGS],
  words: [0, 0],
  details:
    "It checks each record that is in storage.directory, and compares the last one with the log:\n" +
    "who has the same one has the same ones before. Nothing is changed, and a broker may be using\n" +
    "the directory. Exit code 4 if the log has lost records, or has other ones.\n\n" +
    CLUSTER_DETAILS,
  async run(args, context) {
    const { cluster } = await context.loadProgram();
    return await withWork(args, context, async (work) => {
      const found = await cluster.compare(work);
      if (args.has("json")) context.print(`${JSON.stringify(found, undefined, 2)}\n`);
      else context.print(describe(found).map((line) => `${line}\n`).join(""));
      return isInOrder(found) ? ExitCode.stopped : ExitCode.damaged;
    });
  },
};

function isInOrder({ relation }: ClusterComparison): boolean {
  return relation === "same" || relation === "empty" || relation === "removed";
}

function describe(found: ClusterComparison): string[] {
  const { cluster, directory, own, log, epoch, fault, user } = found;
  const has = own === undefined ? "no record" : `${describeRange(own)}, epoch ${epoch}`;
  return [
    ...user === undefined ? [] : [`${user} is using ${directory}: this is its recent state`],
    `${directory}: ${has}`,
    `the log of cluster "${cluster}": ${log.last < log.first ? "no record" : describeRange(log)}`,
    ...fault === undefined ? [] : [
      `${directory}: ${fault}; a broker that starts with it removes it from there on, and reads the log again`,
    ],
    ...describeRelation(found),
  ];
}

function describeRange({ first, last }: { readonly first: number; readonly last: number }): string {
  return `records ${first} to ${last}`;
}

function describeRelation(
  { relation, own, log, at, directory, user }: ClusterComparison,
): string[] {
  const last = own?.last ?? 0;
  const missing = log.last - last;
  switch (relation) {
    case "empty":
      return ["a broker that starts with it reads all of the log"];
    case "removed":
      return [
        `the log has removed all of these since: a broker that starts with it reads the log anew`,
      ];
    case "same":
      return [
        missing === 0
          ? "they are the same"
          : `they are the same; ${missing} more are in the log, and are read ${
            user === undefined ? "at the next start" : "by the broker"
          }`,
      ];
    case "shorter":
      return [
        `they are the same, but the log has lost ${-missing}: a broker that starts with ${directory} gives them back`,
      ];
    case "different":
      return [
        `they differ from record ${at} on: the log has lost records and was written anew, or ${directory} is of ` +
        "brokers that were cut off from it. Nothing was changed; docs/cluster.md says what to do",
      ];
    case "stranger":
      return [
        `they have no record in common: ${directory} is of another log of that name. ` +
        "Nothing was changed; a broker that starts with an empty directory reads this one",
      ];
  }
}
