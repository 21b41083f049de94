import { embedBatch } from "../../support/wire/batches.ts";
/**
 * Which message of a key may be delivered, and which wait for it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodeBatch, type MessageBatch } from "../../../protocol.ts";
import { PRIORITY_DEFAULT } from "../../../src/protocol/messages/entry.ts";
import type { Borrower } from "../../../src/broker/ready/borrower.ts";
import { Keys } from "../../../src/broker/ready/keys.ts";
import type { ReadyRun } from "../../../src/broker/ready/ready_runs.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

/** A batch of messages with these keys, or none. */
function batchWith(keys: readonly (string | undefined)[], priority?: number): MessageBatch {
  const messages = keys.map((key) => {
    return {
      kind: 1,
      headers: { a: "b" },
      body: new Uint8Array(3),
      wishes: { key, priority },
    } as const;
  });
  return embedBatch(encodeBatch(messages), 7);
}

/** A follower that takes one message of a key at a time. */
const single: Borrower = {
  ordersKeys: false,
  keyRoom: 1,
  hasRivals: false,
  owed: undefined,
  owe: () => {},
};

/** Lets messages take their keys; tells how many in front are parked, and how many may go. */
function admit(
  keys: Keys,
  firstId: number,
  names: readonly (string | undefined)[],
  borrower: Borrower = single,
) {
  const before = batchWith(names);
  const run = { firstId, count: names.length, attempts: 0 };
  const { parkedCount, batch } = keys.admit(run, before, borrower);
  assertEquals(batch.buffer, before.buffer);
  const bytes = (count: number) => batchWith(names.slice(0, count)).end;
  assertEquals([batch.start, batch.end], [bytes(parkedCount), bytes(parkedCount + batch.count)]);
  return [parkedCount, batch.count];
}

Deno.test("Keys.admit() lets the first message of each key go, and those without one", () => {
  const keys = new Keys();
  assertEquals(admit(keys, 1, ["a", undefined, "b", "a", "c"]), [0, 3]);
  assertEquals([keys.heldCount, keys.parkedCount], [2, 0], "what is not admitted holds nothing");
  assertEquals(admit(keys, 4, ["a", "b", "c", undefined, "a"]), [2, 2]);
  assertEquals(admit(keys, 8, ["a"]), [1, 0]);
  assertEquals([keys.heldCount, keys.parkedCount], [3, 3]);
  assertEquals(keys.listWaits(), [{ holder: 1, count: 2 }, { holder: 3, count: 1 }]);
});

Deno.test("Keys.admit() of a message that holds its key lets it go again", () => {
  const keys = new Keys();
  assertEquals(admit(keys, 1, ["a"]), [0, 1]);
  assertEquals(admit(keys, 1, ["a", "a"]), [0, 1]);
});

Deno.test("Keys.release() makes the next message ready, one by one, and forgets the key at last", () => {
  const keys = new Keys();
  admit(keys, 1, ["a"]);
  admit(keys, 2, ["a", "a"]);
  assertEquals(keys.release({ firstId: 2, count: 9 }), [], "who waits holds nothing");
  assertEquals(keys.release({ firstId: 1, count: 1 }).map(({ firstId }) => firstId), [2]);
  assertEquals(keys.listWaits(), [{ holder: 2, count: 1 }]);
  assertEquals(keys.release({ firstId: 1, count: 2 }).map(({ firstId }) => firstId), [3]);
  assertEquals([keys.heldCount, keys.parkedCount, keys.listWaits()], [1, 0, []]);
  assertEquals(keys.release({ firstId: 1, count: 3 }), []);
  assertEquals([keys.heldCount, keys.release({ firstId: 1, count: 3 })], [0, []]);
});

Deno.test("Keys.remove() takes parked messages out; who holds a key keeps it", () => {
  const keys = new Keys();
  admit(keys, 1, ["a", "b"]);
  admit(keys, 3, ["a", "b", "a", "b"]);
  assertEquals(unfold(keys.remove([{ firstId: 1, count: 4 }])).map(({ id }) => id), [3, 4]);
  assertEquals([keys.heldCount, keys.parkedCount, keys.findOldest()?.firstId], [2, 2, 5]);
  assertEquals(unfold(keys.remove([{ firstId: 1, count: 99 }])).map(({ id }) => id), [5, 6]);
  assertEquals([keys.heldCount, keys.parkedCount, keys.findOldest()], [2, 0, undefined]);
  assertEquals(keys.release({ firstId: 1, count: 2 }), []);
});

Deno.test("Keys.restore() lets messages hold their keys, one behind the other", () => {
  const keys = new Keys();
  keys.restore(3, batchWith(["a"]));
  keys.restore(4, batchWith(["a"]));
  keys.restore(5, batchWith([undefined]));
  assertEquals(keys.heldCount, 1);
  assertEquals(admit(keys, 6, ["a", "b"]), [1, 1]);
  assertEquals(
    keys.release({ firstId: 3, count: 1 }),
    [],
    "the next one that was worked on has it",
  );
  assertEquals(keys.release({ firstId: 4, count: 1 }).map(({ firstId }) => firstId), [6]);
});

Deno.test("Keys.restore(): what came before a message in its batch still goes before it", () => {
  const keys = new Keys();
  // Out of the midst of a batch of 1 to 5.
  keys.restore(3, batchWith(["a"]));
  keys.restore(5, batchWith(["a"], 9));
  assertEquals(admit(keys, 1, ["a"]), [0, 1]);
  assertEquals(admit(keys, 2, ["a"]), [1, 0], "one at a time");
  assertEquals(admit(keys, 4, ["a"]), [1, 0], "the other one has a higher priority");
  const next = (id: number) => keys.release({ firstId: id, count: 1 }).map((run) => run.firstId);
  assertEquals(next(1), [2]);
  assertEquals(admit(keys, 2, ["a"]), [0, 1]);
  assertEquals(next(2), [], "what was restored is ready or held back already");
  assertEquals(admit(keys, 3, ["a"]), [0, 1]);
  assertEquals(next(3), []);
  assertEquals(admit(keys, 5, ["a"]), [0, 1]);
  assertEquals([next(5), next(4), keys.heldCount, keys.parkedCount], [[4], [], 0, 0]);
});

/** A message, as the model knows it. */
interface Message {
  readonly id: number;
  readonly key: string | undefined;
  readonly priority: number;
  readonly attempts: number;
}

/** Writes runs down as single messages, in their order, without keys. */
function unfold(runs: readonly ReadyRun[]) {
  return runs.flatMap(({ firstId, count, attempts, priority = PRIORITY_DEFAULT }) =>
    Array.from({ length: count }, (_, index) => ({ id: firstId + index, priority, attempts }))
  );
}

function byId(one: { readonly id: number }, other: { readonly id: number }): number {
  return one.id - other.id;
}

/** Sorts as messages leave. */
function byRank(one: Message, other: Message): number {
  return other.priority - one.priority || byId(one, other);
}

/** Keys, and a model of them: lists of messages, and who holds which key. */
class Run {
  readonly keys = new Keys();
  ready: Message[] = [];
  parked: Message[] = [];
  /** Messages that are out, or held back. */
  out: Message[] = [];
  readonly holders = new Map<string, number>();
  nextId = 1;

  /** Lets the first ready messages that lie together take their keys. */
  admit(countMax: number): void {
    const [first] = this.ready;
    if (first === undefined) return;
    const { priority, attempts } = first;
    const end = this.ready.findIndex((one, index) =>
      index >= countMax || one.id !== first.id + index || one.priority !== priority ||
      one.attempts !== attempts
    );
    const messages = this.ready.slice(0, end < 0 ? undefined : end);
    const batch = batchWith(messages.map(({ key }) => key), priority);
    const run = { firstId: first.id, count: messages.length, attempts, priority };
    const { parkedCount, batch: admitted } = this.keys.admit(run, batch, single);
    const parked: Message[] = [];
    while (parked.length < messages.length && !this.#claim(messages[parked.length]!)) {
      parked.push(messages[parked.length]!);
    }
    const going: Message[] = [];
    // What is behind the first one that is blocked is not asked.
    for (const message of messages.slice(parked.length)) {
      if (!this.#claim(message)) break;
      going.push(message);
    }
    assertEquals([parkedCount, admitted.count], [parked.length, going.length]);
    this.ready.splice(0, parked.length + going.length);
    this.parked.push(...parked);
    this.out.push(...going);
  }

  #claim({ id, key }: Message): boolean {
    if (key === undefined) return true;
    if (!this.holders.has(key)) this.holders.set(key, id);
    return this.holders.get(key) === id;
  }

  restore(message: Message): void {
    this.keys.restore(message.id, batchWith([message.key], message.priority));
    this.#claim(message);
    this.out.push(message);
  }

  /** Messages are gone, from wherever they were: but those that are parked are removed first. */
  release(firstId: number, countMax: number): void {
    const parked = this.parked.map(({ id }) => id).filter((id) => id > firstId);
    const count = Math.min(countMax, ...parked.map((id) => id - firstId));
    const isGone = ({ id }: Message) => id >= firstId && id < firstId + count;
    const isLeft = (message: Message) => !isGone(message);
    const gone = [...this.ready, ...this.out].filter(isGone).sort(byId);
    this.ready = this.ready.filter(isLeft);
    this.out = this.out.filter(isLeft);
    const freed = gone.flatMap(({ id, key }) => {
      if (key === undefined || this.holders.get(key) !== id) return [];
      this.holders.delete(key);
      const next = this.parked.filter((one) => one.key === key).sort(byRank)[0];
      if (next === undefined) return [];
      this.holders.set(key, next.id);
      this.parked = this.parked.filter((one) => one !== next);
      return [next];
    });
    const found = unfold(this.keys.release({ firstId, count }));
    assertEquals(found, freed.map(({ id, priority, attempts }) => ({ id, priority, attempts })));
    this.ready = [...this.ready, ...freed].sort(byRank);
  }

  /** Takes messages out of those that are parked. */
  remove(isMeant: (message: Message) => boolean, removed: ReadyRun[]): void {
    const expected = this.parked.filter(isMeant).sort(byId);
    assertEquals(
      unfold(removed).sort(byId),
      expected.map(({ id, priority, attempts }) => ({ id, priority, attempts })),
    );
    this.parked = this.parked.filter((message) => !isMeant(message));
  }

  check(): void {
    const { keys, parked } = this;
    assertEquals([keys.parkedCount, keys.heldCount], [parked.length, this.holders.size]);
    assertEquals(keys.findOldest()?.firstId, parked.toSorted(byId)[0]?.id);
    const waits = [...this.holders].map(([key, holder]) => {
      return { holder, count: parked.filter((one) => one.key === key).length };
    }).filter(({ count }) => count > 0);
    const byHolder = (one: { holder: number }, other: { holder: number }) =>
      one.holder - other.holder;
    assertEquals(keys.listWaits().sort(byHolder), waits.sort(byHolder));
    const hasFailed = ({ attempts }: { readonly attempts: number }) => attempts > 0;
    assertEquals(
      unfold(keys.listReturned()).filter(hasFailed).map(({ id }) => id).sort((one, other) =>
        one - other
      ),
      parked.filter(hasFailed).sort(byId).map(({ id }) => id),
    );
  }
}

Deno.test("Keys are held and waited for as in a plain model (random)", () => {
  const step = fc.record({
    do: fc.constantFrom("add", "add", "admit", "admit", "admit", "done", "done", "back", "remove"),
    names: fc.array(fc.option(fc.constantFrom("a", "b", "cd", "ä"), { nil: undefined, freq: 4 }), {
      minLength: 1,
      maxLength: 8,
    }),
    priority: fc.oneof(fc.constant(PRIORITY_DEFAULT), fc.nat(9)),
    pick: fc.nat(),
    count: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const run = new Run();
      for (const { do: what, names, priority, pick, count } of steps) {
        const one = run.out[pick % Math.max(1, run.out.length)];
        if (what === "add") {
          const isRestored = pick % 8 === 0;
          for (const key of names.slice(0, isRestored ? 1 : undefined)) {
            const message = { id: run.nextId++, key, priority, attempts: isRestored ? 1 : 0 };
            // At a start, nothing was ready before.
            const isFree = !run.ready.some((other) => other.key === key) && !run.holders.has(key!);
            if (isRestored && (key === undefined || isFree)) run.restore(message);
            else run.ready.push(message);
          }
          run.ready.sort(byRank);
        } else if (what === "admit") run.admit(count);
        else if (what === "remove") {
          const firstId = 1 + pick % run.nextId;
          const range = pick % 4 === 0 ? { firstId: 0, count: 1e9 } : { firstId, count };
          const endId = range.firstId + range.count;
          run.remove(({ id }) => id >= range.firstId && id < endId, run.keys.remove([range]));
        } else if (one === undefined) continue;
        else if (what === "done") run.release(one.id, pick % 4 === 0 ? count : 1);
        else {
          run.out = run.out.filter((other) => other !== one);
          const attempts = one.attempts + pick % 3;
          run.ready = [...run.ready, { ...one, attempts }].sort(byRank);
        }
        run.check();
      }
      // In the end, all that is left goes, one after the other of each key.
      while (run.ready.length + run.out.length > 0) {
        while (run.ready.length > 0) run.admit(5);
        for (const { id } of [...run.out]) run.release(id, 1);
        run.check();
      }
      assertEquals([run.parked.length, run.keys.heldCount], [0, 0]);
    }),
    fuzz(150),
  );
});
