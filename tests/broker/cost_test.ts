/**
 * What commands cost where there is much, counted in runs that are looked at or moved: about the same
 * however much there is.
 *
 * @module
 */

import { assertEquals, assertLess } from "@std/assert";
import { encodeBatch, type PropertyWishes, type StreamOptionsInput } from "../../protocol.ts";
import { findFlags } from "../../src/protocol/messages/batch.ts";
import { RunList } from "../../src/broker/collections/run_list.ts";
import { Random } from "../support/random.ts";
import {
  TestBroker,
  type TestFollower,
  type TestPublisher,
} from "../support/broker/test_broker.ts";

/** So much is there in the small and in the large of two cases. */
const FEW = 1000;
const MANY = 16_000;

/** So many commands are measured. */
const COMMANDS = 200;

/** A broker with a stream that is to be filled. */
class Filled {
  readonly test = new TestBroker();
  readonly publisher: TestPublisher;
  readonly follower: TestFollower;
  #sequence = 1;

  constructor(options: StreamOptionsInput) {
    this.test.create("orders", options);
    this.publisher = this.test.publisher("orders");
    this.follower = this.test.follower("orders", { messages: 0 });
  }

  get stream() {
    return this.test.broker.state.router.getStream("orders")!;
  }

  /** Publishes messages that say this of themselves, in batches. */
  publish(...wishes: readonly PropertyWishes[]): void {
    for (let index = 0; index < wishes.length; index += 256) {
      const messages = wishes.slice(index, index + 256).map((wishes) => {
        return { kind: 0, headers: {}, body: new Uint8Array(1), wishes } as const;
      });
      const batch = encodeBatch(messages);
      const { count, end: bytes } = batch;
      const numbered = { ...batch, bytes, sequence: this.#sequence, settled: 0 };
      this.#sequence += count;
      this.publisher.publisher.publish({ ...numbered, flags: findFlags(batch) });
    }
  }

  /** Lets the follower take so many messages more, all in one piece. */
  take(count: number): void {
    this.follower.setCredit(this.follower.follower.pending.count + count);
    this.test.dispatch();
    this.follower.setCredit(0);
  }

  /** Gives deliveries back as failed, for another moment each. */
  nack(tags: Iterable<number>, delayMs: (tag: number) => number): void {
    for (const tag of tags) {
      const details = { reason: "no", delayMs: delayMs(tag) };
      this.follower.open.nack([{ firstTag: tag, count: 1 }], details, false);
    }
  }

  /** How much is looked at by each of some commands. */
  measure(command: (index: number) => void): number {
    // What is made when it is needed for the first time counts once, not each time.
    command(0);
    const before = this.stream.visits;
    for (let index = 1; index <= COMMANDS; index++) command(index);
    return (this.stream.visits - before) / COMMANDS;
  }
}

/** The numbers from 1 on in an order of which nothing follows. */
function shuffled(count: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const random = new Random(7);
  for (let index = count - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [numbers[index], numbers[other]] = [numbers[other]!, numbers[index]!];
  }
  return numbers;
}

/** Drops the oldest for each message that comes, from a stream that is filled in some way. */
function measureDrops(count: number, fill: (filled: Filled, count: number) => void): number {
  const filled = new Filled({ maxMessages: count, overflow: "drop-oldest", maxDeliveries: 99 });
  fill(filled, count);
  assertEquals(filled.stream.backlog.count, count);
  const cost = filled.measure((index) => filled.publish({ delayMs: 500_000 + index, key: "new" }));
  assertEquals(filled.stream.backlog.count, count);
  return cost;
}

/** Ways to have very many messages waiting. */
const ways: [what: string, fill: (filled: Filled, count: number) => void][] = [
  ["delayed", (filled, count) => {
    filled.publish(...shuffled(count).map((delayMs) => ({ delayMs })));
  }],
  ["failed and held back", (filled, count) => {
    filled.publish(...Array.from({ length: count }, () => ({})));
    filled.take(count);
    const tags = shuffled(count);
    filled.nack(tags, (tag) => 1 + (tag * 7919) % count);
  }],
  ["waiting for keys", (filled, count) => {
    // Each key is held by the first message of it, which nobody takes out.
    const keys = shuffled(count / 2).map((key) => ({ key: `${key}` }));
    filled.publish(...keys, ...keys);
    filled.take(count);
    assertEquals(filled.stream.share.keys?.parkedCount, count / 2);
  }],
  ["ready, of all priorities", (filled, count) => {
    filled.publish(...shuffled(count).map((number) => ({ priority: number % 10 })));
  }],
  ["of many lanes", (filled, count) => {
    filled.publish(...shuffled(count).map((number) => ({ lane: `${number % 100}` })));
  }],
  ["of many lanes, all priorities", (filled, count) => {
    const wishes = shuffled(count).map((number) => {
      return { lane: `${number % 100}`, priority: number % 10 };
    });
    filled.publish(...wishes);
  }],
  ["ready again after failures, every other one", (filled, count) => {
    filled.publish(...Array.from({ length: count }, () => ({})));
    filled.take(count);
    filled.nack(shuffled(count / 2).map((number) => number * 2), () => 0);
  }],
];

for (const [what, fill] of ways) {
  Deno.test(`publishing to a full stream that drops the oldest costs the same: messages ${what}`, () => {
    const [few, many] = [measureDrops(FEW, fill), measureDrops(MANY, fill)];
    assertLess(many, few * 2 + 100);
  });
}

for (const [what, fill] of ways) {
  Deno.test(`the first looks by id cost the same: messages ${what}`, async () => {
    const measure = async (count: number) => {
      const filled = new Filled({ maxDeliveries: 99 });
      fill(filled, count);
      const { broker } = filled.test;
      const looks = [
        () => broker.cancelMessage("orders", count - 7),
        () => broker.getStream("orders"),
        () => broker.peek("orders", count / 2, 3),
        () => broker.explain("orders"),
        () => broker.cancelMessages("orders", { lane: "no such lane" }),
      ];
      const costs: number[] = [];
      for (const look of looks) {
        const before = filled.stream.visits;
        await look();
        costs.push(filled.stream.visits - before);
      }
      return costs;
    };
    const [few, many] = [await measure(FEW), await measure(MANY)];
    many.forEach((cost, index) => assertLess(cost, few[index]! * 2 + 300, `${index}`));
  });
}

Deno.test("sending dead letters back that are held back costs the same for each", () => {
  const measure = (count: number) => {
    const filled = new Filled({});
    filled.publish(...shuffled(count).map((delayMs) => ({ delayMs })));
    const ids = shuffled(count);
    return filled.measure((index) => {
      filled.test.broker.redrive("orders", [ids[index]!]);
    });
  };
  assertLess(measure(MANY), measure(FEW) * 2 + 100);
});

Deno.test("expiring costs the same for each message, however many came back", () => {
  const measure = (count: number) => {
    const filled = new Filled({ maxDeliveries: 99 });
    filled.publish(...shuffled(count).map((ttlMs) => ({ ttlMs: ttlMs + 10 })));
    filled.take(count);
    filled.nack(shuffled(count), (tag) => tag % 2 === 0 ? 0 : 1_000_000);
    return filled.measure((index) => {
      filled.test.now = 1010 + index;
      filled.test.broker.tick(filled.test.now);
    });
  };
  assertLess(measure(MANY), measure(FEW) * 2 + 100);
});

Deno.test("RunList costs the same for each run that comes, is found and goes, in any order", () => {
  const measure = (count: number) => {
    const line = new RunList();
    for (const id of shuffled(count)) line.add(id * 2, 1, id);
    for (const id of shuffled(count).reverse()) {
      assertEquals(line.list(id * 2, id * 2 + 1).length, 1);
      assertEquals(line.remove([{ firstId: id * 2, count: 1 }]).length, 1);
    }
    assertEquals([line.count, line.size], [0, 0]);
    return line.visits / count;
  };
  assertLess(measure(MANY), measure(FEW) * 2 + 100);
});
