import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { JetStreamLog } from "../../../../src/engine/replicated/jetstream/jetstream_log.ts";
import { NatsLink } from "../../../../src/engine/replicated/jetstream/nats_link.ts";
import { PretendedNode } from "../../../support/nats/pretended_node.ts";

Deno.test("jetstream: a node that is cut off from the others is left, whoever asks", async () => {
  await using one = new PretendedNode("one", "shop");
  await using other = new PretendedNode("other", "shop");
  const log = await JetStreamLog.open({
    cluster: "shop",
    id: "a",
    addresses: [one.address, other.address],
    readSecrets: () => Promise.resolve({}),
    report: () => {},
    leaseMs: 100,
    replicas: 1,
    bytesMax: 0,
  });
  const before = log.node;
  (one.name === before ? one : other).isCutOff = true;
  const look = () => log.bounds().then(({ last }) => last, () => undefined);
  let last: number | undefined;
  while (last === undefined) last = await look();
  assertEquals(last, 0);
  assertNotEquals(log.node, before);
  await log.close();
});

Deno.test("jetstream: a log is opened by another node if the first one is cut off", async () => {
  await using one = new PretendedNode("one", "shop");
  await using other = new PretendedNode("other", "shop");
  // Whichever is the first.
  for (const cutOff of [one, other]) {
    one.isCutOff = cutOff === one;
    other.isCutOff = cutOff === other;
    const log = await JetStreamLog.open({
      cluster: "shop",
      id: "a",
      addresses: [one.address, other.address],
      readSecrets: () => Promise.resolve({}),
      report: () => {},
      leaseMs: 100,
      replicas: 1,
      bytesMax: 0,
    });
    assertEquals(log.node === cutOff.name, false);
    await log.close();
  }
});

Deno.test("jetstream: a node that takes no records as large as ours is refused", async () => {
  await using node = new PretendedNode("one", "shop", 64 * 1024);
  const options = {
    cluster: "shop",
    id: "a",
    addresses: [node.address],
    readSecrets: () => Promise.resolve({}),
    report: () => {},
    leaseMs: 1000,
    replicas: 1,
    bytesMax: 0,
  };
  const large = { ...options, recordBytes: 64 * 1024 };
  await assertRejects(() => JetStreamLog.open(large), Error, '"max_payload"');
  const log = await JetStreamLog.open({ ...options, recordBytes: 60 * 1024 });
  assertEquals(log.node, "one");
  await log.close();
});

Deno.test("jetstream: a connection that was lost at once is one without news, and no fault", async () => {
  await using node = new PretendedNode("one", "shop");
  const { address } = node;
  const link = await NatsLink.open({ address, name: "a", secrets: {}, silenceMs: 1000 });
  link.close();
  const leave = link.subscribe("news", () => {});
  leave();
  await link.closed;
});
