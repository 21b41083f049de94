// Brokers for tests of JSON lines.

import type { BrokerServer, PartialSettings } from "../../../server.ts";
import { startBroker, until } from "../../support/broker/broker.ts";
import { cursorLine, LineClient, publishLine } from "../../support/wire/line_client.ts";

/** Runs a test with a broker that has some streams. */
export async function withStreams(
  streams: readonly string[],
  test: (broker: BrokerServer) => Promise<void>,
  settings: PartialSettings = {},
): Promise<void> {
  await using broker = await startBroker(settings);
  await using cursor = await LineClient.connect(broker.port);
  await cursor.send(...streams.map((name) => cursorLine("CREATE_STREAM", name)));
  await cursor.ask(cursorLine("GET_STREAMS"));
  cursor.close();
  await until("nobody is connected", () => broker.connectionCount === 0);
  await test(broker);
}

/** Runs a test with a broker that has some streams, on every engine. */
export function testEngines(
  name: string,
  streams: readonly string[],
  test: (broker: BrokerServer) => Promise<void>,
  settings: PartialSettings = {},
): void {
  for (const engine of ["memory", "journal"] as const) {
    Deno.test(`${engine}: ${name}`, async () => {
      const directory = await Deno.makeTempDir();
      try {
        await withStreams(streams, test, { ...settings, storage: { engine, directory } });
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    });
  }
}

/** Asks one thing as a cursor does: on a connection of its own. */
export async function ask(
  broker: BrokerServer,
  type: string,
  body: unknown = null,
): Promise<unknown> {
  await using cursor = await LineClient.connect(broker.port);
  return await cursor.ask(cursorLine(type, body));
}

/** Publishes as the original does: connect, one line, close without reading. */
export async function publish(
  broker: BrokerServer,
  target: string | RegExp,
  body: string,
): Promise<void> {
  await using publisher = await LineClient.connect(broker.port);
  await publisher.send(publishLine(target, body));
}
