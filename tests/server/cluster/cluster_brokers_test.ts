/**
 * Brokers with the real engine over one log: clients go from one to the other.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../../client.ts";
import type { ClusterStatus } from "../../../protocol.ts";
import { until } from "../../support/broker/broker.ts";
import { ClusterServers } from "../../support/cluster/cluster_servers.ts";
import { runTyped } from "../../support/commands/typed.ts";

Deno.test("the lead goes to and fro, and clients go with it: each message comes", async () => {
  await using cluster = await ClusterServers.create(2000);
  let active = await cluster.start("a");
  const servers = [cluster.addressOf("a"), cluster.addressOf("b")];
  await using connection = await connect({ servers, waitForBroker: true, drainMs: 0 });
  await connection.cursor().createStream("a");
  const publisher = connection.publisher("a");
  const taken = new Set<unknown>();
  const following = (async () => {
    for await (const message of connection.follower("a").getMessages()) {
      taken.add(message.body);
      // One that is under way when the lead goes may be refused: then its message comes again.
      await message.ack({ confirm: true }).catch(() => {});
    }
  })().catch(() => {});
  const sent: number[] = [];
  const send = async () => {
    await publisher.sendMessage(sent.length);
    sent.push(sent.length);
  };
  await send();
  for (const id of ["b", "a"]) {
    const standby = await cluster.start(id);
    const env = { SIMPLEMQ_SERVER: standby.address };
    await until("the standby is known", async () => {
      const { stdout } = await runTyped(["cluster", "status", "--json"], { env });
      const { brokers } = JSON.parse(stdout) as ClusterStatus;
      return brokers.length === 2 && brokers.some(({ role }) => role === "active");
    });
    const sending = send();
    const { code, stdout, lines } = await runTyped(["cluster", "handover"], { env });
    assertEquals([code, lines], [0, []]);
    assertStringIncludes(stdout, `${standby.address} is active`);
    await sending;
    assertEquals(await active.server.closed, undefined);
    assertEquals(active.server.isHandedOver, true);
    await send();
    active = standby;
  }
  await until("all have come", () => taken.size >= sent.length);
  assertEquals([...taken].sort(), sent);
  await connection.close();
  await following;
});

Deno.test("a broker that stops is replaced, and one that is alone stops by itself", async () => {
  await using cluster = await ClusterServers.create(2000);
  const first = await cluster.start("a");
  const servers = [cluster.addressOf("b"), cluster.addressOf("a")];
  await using connection = await connect({ servers, waitForBroker: true, drainMs: 0 });
  await connection.cursor().createStream("a");
  const second = await cluster.start("b");
  await until("the standby is known", async () => {
    const { brokers } = await connection.cursor().getCluster();
    return brokers.length === 2;
  });
  await first.server.close();
  assertEquals(first.server.isHandedOver, true);
  await connection.publisher("a").sendMessage("to b");
  assertEquals((await connection.cursor().getStream("a")).ready, 1);
  await second.server.close();
  assertEquals([second.server.isHandedOver, await second.server.closed], [false, undefined]);
});
