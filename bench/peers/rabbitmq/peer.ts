import type { Peer } from "../peer.ts";
import { readNodeVersion, startNode } from "./node.ts";

const program = "rabbitmq-server";

const install = "apt install rabbitmq-server";

/** RabbitMQ with durable queues and persistent messages. */
export const rabbitmqDurable: Peer = {
  name: "rabbitmq-durable",
  title: "RabbitMQ, durable",
  durability: "flushed with fsync before the confirm",
  program,
  install,
  settings: [
    "Durable classic queues and persistent messages: RabbitMQ was seen to call fsync before it confirms a message that stays in the queue.",
    "The queues are in lazy mode, which the guide on lazy queues offers for long ones and which later releases always use: a backlog of 300000 messages was filled twice as fast and took a fifth of the memory, one to one came out the same, and many streams a little slower.",
    "Version 2 of classic queues came out about 15 to 40 % faster, but was not seen to call fsync.",
    "Quorum queues came out as fast from one to one, faster from four to four, with long bodies and with a backlog, and slower with many streams; they are not used because a client cannot find out when they have taken its last acknowledgements.",
    "`vm_memory_high_watermark` is 0.8, so that no publisher is blocked while a backlog grows; no plugins; everything else as it comes.",
    "Publishers use a confirm channel and do not wait for one confirm before they publish the next message: 256 messages to a batch, 4 batches in flight; 1, 2, 8, 16 and 64 came out no faster.",
    "`prefetch` is 1000 per consumer; 200, 300 and 3000 made no difference that was larger than the noise.",
    "Up to 100 messages that come at once are acknowledged with `multiple`, which the guide on consumer acknowledgements offers to reduce traffic; one by one took more of the processor's time, 300 made no difference.",
    "When it is done, a follower closes its channel: RabbitMQ takes the acknowledgements before that, and puts back what has none, so that the length of the queue is all that is left.",
    "For many streams there is a fanout exchange that all queues are bound to; a topic exchange came out the same.",
    "TCP_NODELAY is set with `noDelay`; publishing without it made no difference that was larger than the noise.",
  ],
  client: new URL("./durable_client.ts", import.meta.url),
  readVersion: readNodeVersion,
  start: startNode,
};

/** RabbitMQ without a disk. */
export const rabbitmqTransient: Peer = {
  name: "rabbitmq-transient",
  title: "RabbitMQ, transient",
  durability: "nothing",
  program,
  install,
  settings: [
    "Classic queues that are neither durable nor lazy, which would halve the rate, and transient messages; everything else as above.",
  ],
  client: new URL("./transient_client.ts", import.meta.url),
  readVersion: readNodeVersion,
  start: startNode,
};
