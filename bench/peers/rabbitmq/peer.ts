import type { Peer } from "../peer.ts";
import { RABBIT_PACKAGES, readNodeVersion, startNode } from "./node.ts";

/** RabbitMQ with classic queues. */
export const rabbitmqClassic: Peer = {
  name: "rabbitmq-classic",
  title: "RabbitMQ, classic queues",
  durability: "in the page cache",
  flushed: "when the system does",
  packages: RABBIT_PACKAGES,
  settings: [
    "Durable classic queues and persistent messages. The node was seen to write each message before its confirm, and not to call fsync.",
    "`vm_memory_high_watermark` is 0.8, so that no publisher is blocked while a backlog grows; no plugins; everything else as it comes.",
    "Publishers use a confirm channel and do not wait for one confirm before they publish the next message: 256 messages to a batch, 4 batches in flight.",
    "`prefetch` is 1000 per consumer.",
    "Up to 100 messages that come at once are acknowledged with `multiple`, which the guide on consumer acknowledgements offers to reduce traffic.",
    "When it is done, a follower asks for one more message, on the same channel and after its acknowledgements: the answer tells that the queue has taken them. What has none goes back when the channel is closed, so that the length of the queue is all that is left.",
    "For many streams there is a fanout exchange that all queues are bound to.",
    "TCP_NODELAY is set with `noDelay`.",
  ],
  client: new URL("./classic_client.ts", import.meta.url),
  readVersion: readNodeVersion,
  start: startNode,
};

/** RabbitMQ with quorum queues, of one node. */
export const rabbitmqQuorum: Peer = {
  name: "rabbitmq-quorum",
  title: "RabbitMQ, quorum queues",
  durability: "flushed with fdatasync before the confirm",
  flushed: "before each confirm",
  packages: RABBIT_PACKAGES,
  settings: [
    "Quorum queues on one node, which was seen to call fdatasync before a confirm; everything else as above.",
  ],
  client: new URL("./quorum_client.ts", import.meta.url),
  readVersion: readNodeVersion,
  start: startNode,
};
