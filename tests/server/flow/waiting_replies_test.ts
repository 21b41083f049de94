/**
 * What waits for clients that do not read is bounded over all of them, and cheap to bound.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { OutboundShare } from "../../../src/server/flow/outbound_share.ts";
import { WaitingReplies } from "../../../src/server/flow/waiting_replies.ts";
import { passTurns, until } from "../../support/broker/broker.ts";
import { batchOf } from "../../support/wire/batches.ts";
import type { RawClient } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const KIB = 1024;

/** A session whose client does not read. */
class Waiter {
  static looks = 0;
  bytes = 0;
  isEnded = false;
  isCut = false;
  readonly replies: WaitingReplies;

  constructor(replies: WaitingReplies) {
    this.replies = replies;
  }

  get outboundBytes(): number {
    Waiter.looks++;
    return this.bytes;
  }

  get(bytes: number): void {
    if (this.isCut) return;
    this.replies.add(this, bytes);
    this.bytes += bytes;
  }

  endAsSlow(): void {
    this.isEnded = true;
  }

  cutOff(): void {
    this.isCut = true;
    this.bytes = 0;
    this.replies.remove(this);
  }
}

Deno.test("WaitingReplies looks at ten thousand sessions once in a while, not for each reply", () => {
  const replies = new WaitingReplies(1024 * KIB);
  const waiters = Array.from({ length: 10_000 }, () => new Waiter(replies));
  Waiter.looks = 0;
  const addedCount = 100_000;
  for (let index = 0; index < addedCount; index++) {
    waiters[index % waiters.length]!.get(100);
    assert(replies.bytes <= 1024 * KIB);
  }
  assertLess(Waiter.looks, 12 * addedCount);
  const kept = waiters.reduce((sum, { bytes }) => sum + bytes, 0);
  assertLess(kept, 3 * 1024 * KIB, "what ended sessions have is dropped in time");
  assertGreater(waiters.filter(({ isEnded }) => isEnded).length, 1000);
});

Deno.test("OutboundShare gives each client less while many do not read, and never too little", () => {
  const share = new OutboundShare(1024 * KIB, 256 * 1024 * KIB);
  share.adapt(128 * 1024 * KIB, 10_000);
  assertEquals(share.bytesMax, 1024 * KIB);
  share.adapt(128 * 1024 * KIB + 1, 1000);
  assertEquals(share.bytesMax, Math.floor(256 * 1024 * KIB / 1000));
  share.adapt(128 * 1024 * KIB + 1, 1_000_000);
  assertEquals(share.bytesMax, 16 * KIB);
  share.adapt(0, 1_000_000);
  assertEquals(share.bytesMax, 1024 * KIB);
});

/** A stream with a mebibyte of messages. */
async function openStream(sessions: Sessions): Promise<void> {
  await sessions.engine.createStream("large");
  await using publisher = await sessions.open();
  await publisher.openPublisher(1, "large");
  for (let sequence = 1; sequence <= 8; sequence++) {
    await publisher.publish(1, sequence, batchOf(128 * KIB));
    if (sequence === 1) await publisher.expect("stream");
    await publisher.expect("confirm");
  }
}

Deno.test("a client that does not read has one large answer beyond its share, however many it asks for", async () => {
  await using sessions = new Sessions({ outboundBytesMax: 256 * KIB });
  await openStream(sessions);
  const client = await sessions.open();
  for (let query = 1; query <= 16; query++) await askPeek(client, query);
  await passTurns();
  // The pipe holds a quarter of a mebibyte and more.
  assertLess(sessions.replies.bytes, 1300 * KIB);
  assertGreater(sessions.replies.bytes, 900 * KIB);
  // All answers come when they are read, in their order.
  for (let query = 1; query <= 16; query++) {
    assertEquals((await client.expect("messages")).query, query);
  }
  client.close();
  await until("it is gone", () => sessions.table.count === 0);
  assertEquals([sessions.replies.bytes, sessions.replies.count], [0, 0]);
});

/** Asks for messages, and does not wait for them. */
function askPeek(client: RawClient, query: number): Promise<void> {
  return client.query(query, "peek", "large", { from: 1, limit: 100 });
}

Deno.test("answers wait for a hundred clients that do not read up to a limit, and others are served", async () => {
  const replyBytesMax = 8 * 1024 * KIB;
  await using sessions = new Sessions({ replyBytesMax });
  await openStream(sessions);
  const clients: RawClient[] = [];
  for (let index = 0; index < 100; index++) {
    const client = await sessions.open();
    clients.push(client);
    await askPeek(client, 1);
    await askPeek(client, 2);
    await passTurns();
    assert(sessions.replies.bytes <= replyBytesMax);
  }
  const ended = sessions.lines.filter((line) => line.includes("SLOW_READER")).length;
  assertGreater(ended, 10);
  await using good = await sessions.open();
  await askPeek(good, 1);
  assertEquals((await good.expect("messages")).query, 1);
  for (const client of clients) client.close();
  await until("they are gone", () => sessions.table.count === 1);
  assertEquals(sessions.faults, []);
});
