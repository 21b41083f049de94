/**
 * Random commands to the memory engine and to a model of the rules. After each command: no message
 * is lost or held by two, each went to a follower that may have it, in the order of priorities and
 * ids and with the attempts that the rules say; streams, the states and stories of all messages,
 * pending entry lists and outcomes are the model's; and nothing that could be delivered is lying
 * about.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { BrokerError, type TagRange } from "../../../protocol.ts";
import { chooseLength } from "../../support/length.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import type { TestBind } from "../../support/broker/test_broker.ts";
import { FOLLOWER_COUNT, type FollowerSlot, Run, STREAMS } from "./model_run.ts";

const CREATED = Object.keys(STREAMS);
const NAMES = [...CREATED, "a1.dead", "b1.dead"];
const FOLLOWER_BINDS: TestBind[] = [
  "a1",
  "a2",
  "b1",
  /^a/,
  /1$/,
  /./,
  /^never$/,
  "a1.dead",
  /dead/,
];

/** A step: what to do, and numbers that choose whom, where and how much. */
interface Step {
  readonly do: keyof typeof commands;
  readonly who: number;
  readonly pick: number;
  readonly count: number;
  readonly sizes: readonly number[];
}

/** Ranges of tags: mostly of what is held, sometimes of anything else, sometimes the same twice. */
function rangesOf({ model }: FollowerSlot, { pick, count, sizes }: Step): TagRange[] {
  const [first] = model.held;
  if (first === undefined || pick % 10 === 0) {
    return sizes.map((size) => ({
      firstTag: 1 + (pick + size) % (model.nextTag + 1),
      count: 1 + count,
    }));
  }
  if (pick % 10 > 6) return [{ firstTag: first.tag, count: 1 + count % model.held.length }];
  return sizes.slice(0, 1 + count % 3).map((size) => {
    return { firstTag: model.held[(pick + size) % model.held.length]!.tag, count: 1 };
  });
}

/** What a call comes to: the code, if it throws or rejects. */
async function outcomeOf<Result>(act: () => Promise<Result> | Result): Promise<Result | string> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
}

/** Says something about deliveries to both sides. */
function tell(verb: "ack" | "release" | "begin" | "nack" | "reject" | "extend"): Command {
  return async (run, step) => {
    const slot = run.followers[step.who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    const { port, model } = slot;
    const ranges = rangesOf(slot, step);
    const { pick } = step;
    const isConfirmed = pick % 2 === 0;
    const reason = pick % 3 === 0 ? "" : `reason ${pick}`;
    const failure = { reason, delayMs: DELAYS[pick % DELAYS.length] };
    const ms = 300 + pick * 500;
    const [expected, act] = {
      ack: () => [run.model.ack(model, ranges), () => port.ack(ranges, isConfirmed)],
      release: () => [run.model.release(model, ranges), () => port.release(ranges)],
      begin: () => [run.model.begin(model, ranges), () => port.begin(ranges)],
      nack: () => [
        run.model.nack(model, ranges, failure),
        () => port.nack(ranges, failure, isConfirmed),
      ],
      reject: () => [
        run.model.reject(model, ranges, reason),
        () => port.reject(ranges, reason, isConfirmed),
      ],
      extend: () => [run.model.extend(model, ranges, ms), () => port.extend(ranges, ms)],
    }[verb]() as [string | undefined, () => Promise<void> | void];
    assertEquals(await outcomeOf(act), expected);
  };
}

/** What is said with a nack: nothing, at once, or how long. */
const DELAYS = [undefined, undefined, 0, 20_000, 300_000];

async function createStream(run: Run, name: string): Promise<void> {
  const expected = run.model.createStream(name, STREAMS[name]);
  assertEquals(await outcomeOf(() => run.engine.createStream(name, STREAMS[name])), expected);
}

/** Picks ids of a stream; some of them have no messages. */
function pickIds({ model }: Run, name: string, { count, sizes }: Step): number[] {
  const { messages, nextId } = model.streams.get(name) ?? { messages: [], nextId: 1 };
  return sizes.map((size, index) => {
    const id = messages[size % messages.length]?.id ?? size;
    return index > count % 3 ? id : size % (nextId + 2);
  });
}

type Command = (run: Run, step: Step) => Promise<void> | void;

const commands = {
  async createStream(run: Run, { pick }: Step) {
    await createStream(run, CREATED[pick % CREATED.length]!);
  },
  async deleteStream(run: Run, { pick }: Step) {
    const name = NAMES[pick % NAMES.length]!;
    const expected = run.model.deleteStream(name);
    assertEquals(await outcomeOf(() => run.engine.deleteStream(name)), expected);
  },
  async pauseStream(run: Run, { pick, count }: Step) {
    const name = NAMES[pick % NAMES.length]!;
    const isPaused = count % 3 === 0;
    const expected = run.model.pauseStream(name, isPaused);
    assertEquals(await outcomeOf(() => run.engine.pauseStream(name, isPaused)), expected);
  },
  async purgeStream(run: Run, { pick }: Step) {
    const name = NAMES[pick % NAMES.length]!;
    const expected = run.model.purgeStream(name);
    assertEquals(await outcomeOf(() => run.engine.purgeStream(name)), expected);
  },
  async dropMessages(run: Run, step: Step) {
    const name = NAMES[step.pick % NAMES.length]!;
    const ids = pickIds(run, name, step);
    const expected = run.model.dropMessages(name, ids);
    assertEquals(await outcomeOf(() => run.engine.dropMessages(name, ids)), expected);
  },
  async redrive(run: Run, step: Step) {
    const name = NAMES[NAMES.length - 1 - step.pick % 3]!;
    const ids = pickIds(run, name, step);
    const expected = run.model.redrive(name, ids);
    assertEquals(await outcomeOf(() => run.engine.redrive(name, ids)), expected);
  },
  async releasePel(run: Run, { who }: Step) {
    const expected = run.model.releasePel(`f${who % 3}`);
    assertEquals(await outcomeOf(() => run.engine.releasePel(`f${who % 3}`)), expected);
  },
  publish(run: Run, { who, sizes }: Step) {
    run.publishNext(run.open(who), run.makeTexts(sizes).map((text) => ({ text })));
  },
  publishTimed(run: Run, { who, sizes }: Step) {
    const messages = run.makeTexts(sizes).map((text, index) => {
      const size = sizes[index]!;
      return {
        text,
        ...size % 3 > 0 && { delayMs: size % 7 * 10_000 },
        ...size % 2 > 0 && { ttlMs: 50 + size % 11 * 20_000 },
        ...size % 4 > 0 && { priority: size % 10 },
      };
    });
    run.publishNext(run.open(who), messages);
  },
  publishDated(run: Run, { who, sizes }: Step) {
    const { now, aheadMs } = run.model;
    const messages = run.makeTexts(sizes).map((text, index) => {
      const size = sizes[index]!;
      return {
        text,
        ...size % 5 > 0 && { deliverAt: now + aheadMs + (size % 9 - 2) * 20_000 },
        ...size % 2 > 0 && { ttlMs: 50 + size % 11 * 20_000 },
        ...size % 4 > 0 && { priority: size % 10 },
      };
    });
    run.publishNext(run.open(who), messages);
  },
  setDate(run: Run, { pick }: Step) {
    // Not so far back that it is before 1970.
    const stepMs = (pick % 9 - 4) * 30_000;
    run.setDate(Math.max(stepMs, 10_000 - run.model.now - run.model.aheadMs));
  },
  publishOnce(run: Run, { who, pick, count, sizes }: Step) {
    const [text] = run.makeTexts(sizes.slice(0, 1));
    const message = { text: text!, dedupId: `m${pick % 5}` };
    run.publishNext(run.open(who), [{ ...message, ...count % 4 === 0 && { delayMs: 50_000 } }]);
  },
  publishAgain(run: Run, { who, pick }: Step) {
    const slot = run.open(who);
    const batch = slot.sent[pick % Math.max(1, slot.sent.length)];
    if (batch !== undefined) run.publish(slot, batch.sequence, batch.messages);
  },
  settle(run: Run, { who, pick }: Step) {
    const slot = run.open(who);
    slot.settled = Math.max(slot.settled, pick % (slot.nextSequence + 1));
  },
  losePublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    slot.port!.lose();
    slot.port = undefined;
    run.model.losePublisher(slot.identity);
  },
  endPublisher(run: Run, { who }: Step) {
    const slot = run.open(who);
    slot.port!.close();
    Object.assign(slot, { port: undefined, nextSequence: 1, settled: 0 });
    slot.sent.length = 0;
    run.model.endPublisher(slot.identity);
  },
  passTime(run: Run, { pick }: Step) {
    run.passTime((pick % 8) ** 2 * 10_000);
  },
  openFollower(run: Run, { who, pick, count, sizes }: Step) {
    const slot = who % FOLLOWER_COUNT;
    run.closeFollower(slot);
    run.openFollower(slot, {
      name: `f${who % 3}`,
      bind: FOLLOWER_BINDS[pick % FOLLOWER_BINDS.length]!,
      messages: count,
      bytes: sizes[0]! * 10,
      reportsBegin: pick % 3 > 0,
    });
  },
  loseFollower(run: Run, { who }: Step) {
    run.closeFollower(who % FOLLOWER_COUNT);
  },
  async loseAgain(run: Run, { who, pick, count, sizes }: Step) {
    // Something kills each follower as soon as it comes.
    const slot = who % FOLLOWER_COUNT;
    const bind = FOLLOWER_BINDS[pick % FOLLOWER_BINDS.length]!;
    for (const size of sizes) {
      run.closeFollower(slot);
      const limits = { messages: 1 + count, bytes: 1000, reportsBegin: size % 2 > 0 };
      run.openFollower(slot, { name: `f${who % 3}`, bind, ...limits });
      await run.check();
      if (size % 3 === 0) run.passTime(30_000);
    }
    run.closeFollower(slot);
  },
  stall(run: Run, { pick, count }: Step) {
    run.stall((pick % 8) ** 2 * 10_000, count);
  },
  silence(run: Run, { who }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    assertEquals(slot.port.silence(), run.model.silence(slot.model));
  },
  hang(run: Run, { count }: Step) {
    // Handlers have what their followers hold, and say nothing more.
    for (const slot of run.followers.slice(0, count % FOLLOWER_COUNT + 1)) {
      if (slot === undefined || slot.model.held.length === 0) continue;
      const ranges = slot.model.held.slice(0, 1 + count % 3)
        .map(({ tag }) => ({ firstTag: tag, count: 1 }));
      run.model.begin(slot.model, ranges);
      slot.port.begin(ranges);
    }
    run.passTime(count * 40_000);
  },
  endFollower(run: Run, { who, pick }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot !== undefined) run.closeFollower(who % FOLLOWER_COUNT, pick % slot.model.nextTag);
  },
  setCredit(run: Run, { who, count, sizes }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    const [messages, bytes] = [count, sizes[0]! * 20];
    slot.port.setCredit(messages, bytes);
    run.model.setCredit(slot.model, messages, bytes);
  },
  fill(run: Run, { who, pick }: Step) {
    const slot = run.followers[who % FOLLOWER_COUNT];
    if (slot === undefined) return;
    slot.sink.isFull = pick % 2 === 0;
    slot.model.isFull = slot.sink.isFull;
    if (!slot.sink.isFull) slot.port.resume();
  },
  ack: tell("ack"),
  release: tell("release"),
  begin: tell("begin"),
  nack: tell("nack"),
  reject: tell("reject"),
  extend: tell("extend"),
} satisfies Record<string, Command>;

/** How often each command comes up. */
const weights: Record<keyof typeof commands, number> = {
  createStream: 3,
  deleteStream: 1,
  pauseStream: 2,
  purgeStream: 1,
  dropMessages: 1,
  redrive: 4,
  releasePel: 1,
  publish: 7,
  publishTimed: 3,
  publishDated: 2,
  setDate: 2,
  publishOnce: 3,
  publishAgain: 2,
  settle: 1,
  losePublisher: 1,
  endPublisher: 1,
  passTime: 4,
  openFollower: 4,
  loseFollower: 1,
  loseAgain: 1,
  stall: 2,
  silence: 2,
  hang: 2,
  endFollower: 1,
  setCredit: 3,
  fill: 2,
  ack: 8,
  release: 4,
  begin: 2,
  nack: 6,
  reject: 3,
  extend: 2,
};

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(
    ...Object.entries(weights).map(([name, weight]) => ({
      weight,
      arbitrary: fc.constant(name as keyof typeof commands),
    })),
  ),
  who: fc.nat(11),
  pick: fc.nat(1000),
  count: fc.nat(12),
  sizes: fc.array(fc.nat(120), { minLength: 1, maxLength: 8 }),
}, { noNullPrototype: true });

/** Does the same with an engine and the model. */
async function compare(steps: readonly Step[]): Promise<void> {
  const run = new Run();
  for (const name of CREATED.slice(1)) await createStream(run, name);
  for (const step of steps) {
    await commands[step.do](run, step);
    await run.check();
  }
  await run.finish();
}

Deno.test("each late acknowledgement of a call counts before the next one is looked at", async () => {
  const one = { who: 0, pick: 0, count: 0, sizes: [0] };
  await compare([
    { ...one, do: "createStream" },
    { ...one, do: "openFollower", who: 7, count: 2, sizes: [1] },
    { ...one, do: "publish", sizes: [0, 0] },
    { ...one, do: "passTime", pick: 316 },
    { ...one, do: "ack", who: 7 },
    { ...one, do: "ack", who: 3, count: 1, sizes: [0, 26] },
  ]);
});

Deno.test("MemoryEngine does what the model does, whatever comes (random)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 250, size: "max" }), compare),
    fuzz(chooseLength({ short: 18, long: 110 })),
  );
});
