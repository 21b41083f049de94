import { findActive } from "../../../protocol/answers/cluster_status.ts";
import type { CommandBody } from "../command.ts";
import { CommandError } from "../command.ts";
import { type BrokerUse, withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { formatSpan } from "../output/quantities.ts";

const NAME = "cluster handover";

/** `cluster handover`: gives the lead to a standby. */
export const handover: CommandBody = {
  examples: ["cluster handover", "cluster handover --server mq2.example.com:9090"],
  flags: [{ name: "json", about: "Prints one JSON value, for programs" }, ...QUERY_FLAGS],
  words: [0, 0],
  details:
    "Any broker of the cluster may be named: the active one is asked. Clients stand still for some\n" +
    "tenths of a second and go on at the other broker; what their handlers have in hand comes\n" +
    "again there. The broker that was active begins anew in its process, as a standby. It takes\n" +
    "the permission admin.",
  async run(args, context) {
    let elsewhere: string | undefined;
    const needs = { command: NAME, standby: true };
    const handOver = async ({ cursor, signal }: BrokerUse) => {
      const beganAt = context.now();
      const { active } = await cursor.handOver({ signal });
      const ms = context.now() - beganAt;
      if (args.has("json")) context.print(`${JSON.stringify({ active, ms }, undefined, 2)}\n`);
      else context.print(`${active ?? "another broker"} is active, after ${formatSpan(ms)}\n`);
    };
    const code = await withBroker(needs, args, context, async (broker) => {
      const { cursor, signal } = broker;
      const found = await cursor.getCluster({ signal });
      if (found.role === "active") return await handOver(broker);
      elsewhere = findActive(found)?.address;
      if (elsewhere !== undefined) return;
      throw new CommandError(
        `Cannot run "${NAME}": no broker of the cluster is known to be active; "cluster status" tells more`,
        { exitCode: ExitCode.fault },
      );
    });
    if (elsewhere === undefined) return code;
    return await withBroker({ ...needs, at: elsewhere }, args, context, handOver);
  },
};
