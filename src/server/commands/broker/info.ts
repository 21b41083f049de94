import type { BrokerStatus } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { type Column, printValue, VALUE_FLAGS } from "../output/result_output.ts";

/** What is told of a broker. */
interface BrokerView extends BrokerStatus {
  /** The user that the command acts for. */
  readonly user: string;
  readonly uptimeMs: number;
}

const FIELDS: readonly Column<BrokerView>[] = [
  { title: "version", read: ({ version }) => version },
  { title: "runtime", read: ({ runtime }) => runtime },
  { title: "engine", read: ({ engine }) => engine },
  { title: "durability", read: ({ durability }) => durability },
  { title: "started", kind: "time", read: ({ startedAt }) => startedAt },
  { title: "running for", kind: "span", read: ({ uptimeMs }) => uptimeMs },
  { title: "address", read: ({ address }) => address },
  { title: "HTTP", read: ({ httpAddress }) => httpAddress },
  { title: "TLS", read: ({ tls }) => tls },
  { title: "users", read: ({ hasUsers }) => hasUsers },
  { title: "acting as", read: ({ user }) => user },
  { title: "log level", read: ({ logLevel }) => logLevel },
  { title: "role", read: ({ role }) => role },
  { title: "active broker", read: ({ active }) => active },
  { title: "connections", kind: "number", read: ({ connections }) => connections },
  { title: "streams", kind: "number", read: ({ streams }) => streams },
  {
    title: "state",
    read: ({ problems }) => problems.length === 0 ? "ready" : `not ready: ${problems.join("; ")}`,
  },
];

/** `info`: describes a running broker. */
export const info: CommandBody = {
  examples: ["info", "info --json", "info --context production"],
  flags: [...VALUE_FLAGS, ...QUERY_FLAGS],
  words: [0, 0],
  details: "Users without the permissions admin or metrics do not see how many connections and\n" +
    "streams there are.",
  run(args, context) {
    return withBroker({ command: "info", standby: true }, args, context, async (broker) => {
      const { connection, cursor, signal } = broker;
      const status = await cursor.getBroker({ signal });
      const uptimeMs = Math.max(0, context.now() - status.startedAt);
      printValue({ ...status, user: connection.broker.user, uptimeMs }, FIELDS, args, context);
    });
  },
};
