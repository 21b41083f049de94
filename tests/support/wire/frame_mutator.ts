/**
 * Sessions as a client of this protocol has them, and what becomes of their frames when bytes,
 * lengths, types and their order are changed at random. Everything follows from a seed.
 *
 * @module
 */

import {
  encodeBatch,
  FrameType,
  MAGIC,
  type Operation,
  OPERATIONS,
  type PropertyWishes,
  type QueryOptions,
  writeControlFrame,
  writeCredit,
  writePublish,
  writeQuery,
  writeReply,
  writeTags,
  writeVerdict,
} from "../../../protocol.ts";
import { bytesOf } from "./raw_client.ts";

/** Numbers that follow from a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000 * count);
  }

  /** True once in `count` times. */
  once(count: number): boolean {
    return this.below(count) === 0;
  }

  /** One of them. */
  pick<One>(ones: readonly One[]): One {
    return ones[this.below(ones.length)]!;
  }
}

/** A frame, or what is left of one. */
export interface ScriptFrame {
  readonly bytes: Uint8Array;
  /** Whether it is not as a client would send it. */
  readonly isMutated: boolean;
}

/** A frame as a client would send it, with a part that may change without breaking its layout. */
interface WholeFrame {
  readonly bytes: Uint8Array;
  readonly softFrom: number;
  readonly softTo: number;
  readonly isText: boolean;
}

const STREAMS = ["a", "b", "orders", "orders.eu", "x", "a.dead"];
const PATTERNS = ["^orders", ".", "[ab]", "(x|y)+$", "orders\\.[a-z]+", "\\pL{1,3}"];
const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const PRINTABLE = "abcdxyz0159.-_$^*+?()[]{}|/ ";

/** How many frames of each kind there are before they are changed. */
const POOL_COUNT = 200;

/** Makes sessions of frames, most of them mutated. */
export class Mutator {
  readonly #random: Random;
  readonly #hellos: readonly WholeFrame[];
  readonly #publishers: readonly WholeFrame[];
  readonly #followers: readonly WholeFrame[];
  readonly #frames: readonly WholeFrame[];

  constructor(random: Random) {
    const pool = (make: (index: number) => WholeFrame) =>
      Array.from({ length: POOL_COUNT }, (_, index) => make(index));
    this.#random = random;
    this.#hellos = pool(() => hello(random));
    this.#publishers = pool((index) => openPublisher(random, 1 + index % 2));
    this.#followers = pool((index) => openFollower(random, 1 + index % 2));
    this.#frames = makers.flatMap((make) => pool(() => make(random)));
  }

  /** A session: a handshake, two publishers, two followers, and more than that. */
  makeScript(frameCount: number): ScriptFrame[] {
    const random = this.#random;
    const greeting = random.pick(this.#hellos);
    const script = [random.once(20) ? mutate(random, greeting) : keep(greeting)];
    for (const number of [0, 1]) {
      const index = 2 * random.below(POOL_COUNT / 2) + number;
      script.push(keep(this.#publishers[index]!), keep(this.#followers[index]!));
    }
    for (let count = 0; count < frameCount; count++) {
      const frame = random.pick(this.#frames);
      script.push(random.once(8) ? keep(frame) : mutate(random, frame));
    }
    if (random.once(8)) swap(script, random.below(script.length), random.below(script.length));
    if (random.once(8)) script.splice(random.below(script.length), 1);
    return script;
  }
}

/** Leaves a frame as it is. */
function keep({ bytes }: WholeFrame): ScriptFrame {
  return { bytes, isMutated: false };
}

/** Changes a frame: mostly where it can bear it, otherwise anywhere. */
function mutate(random: Random, frame: WholeFrame): ScriptFrame {
  const { softFrom, softTo } = frame;
  if (softTo > softFrom && !random.once(8)) {
    return { bytes: soften(random, frame), isMutated: true };
  }
  return { bytes: random.pick(mutations)(frame.bytes.slice(), random), isMutated: true };
}

/** Changes some bytes anywhere. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  return random.pick(mutations)(bytes.slice(), random);
}

/** Changes bytes of the part that may change. */
function soften(random: Random, { bytes, softFrom, softTo, isText }: WholeFrame): Uint8Array {
  const changed = bytes.slice();
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = softFrom + random.below(softTo - softFrom);
    changed[at] = isText ? PRINTABLE.charCodeAt(random.below(PRINTABLE.length)) : random.below(256);
  }
  return changed;
}

/** The ways to change a frame anywhere. */
const mutations: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick(INTERESTING);
    return bytes;
  },
  // The type.
  (bytes, random) => {
    bytes[4] = random.once(2) ? random.below(256) : random.pick(Object.values(FrameType));
    return bytes;
  },
  // The length, a little or wildly wrong.
  (bytes, random) => {
    const length = random.once(2) ? bytes.length - 8 + random.below(8) : random.below(2 ** 32);
    new DataView(bytes.buffer).setUint32(0, Math.max(0, length));
    return bytes;
  },
  // Cut short, or with more behind it; the length says so, or does not.
  (bytes, random) => {
    const size = Math.max(5, bytes.length - 20 + random.below(40));
    const resized = new Uint8Array(size);
    resized.set(bytes.subarray(0, size));
    if (random.once(2)) new DataView(resized.buffer).setUint32(0, size - 4);
    return resized;
  },
  // A run of the same byte.
  (bytes, random) => {
    const from = 5 + random.below(bytes.length);
    return bytes.fill(random.pick(INTERESTING), from, from + 1 + random.below(8));
  },
  // Noise with a good length and a good type.
  (bytes, random) => {
    for (let at = 5; at < bytes.length; at++) bytes[at] = random.below(256);
    return bytes;
  },
];

/** Frames of a session that is open, with publishers and followers 1 and 2. */
const makers: readonly ((random: Random) => WholeFrame)[] = [
  publish,
  publish,
  publish,
  publish,
  (random) => tags(random, "ack"),
  (random) => tags(random, "ack"),
  (random) => tags(random, "release"),
  (random) => tags(random, "begin"),
  (random) => verdict(random, "nack"),
  (random) => verdict(random, "reject"),
  (random) => verdict(random, "extend"),
  credit,
  query,
  query,
  (random) => openPublisher(random, 3 + random.below(1000)),
  (random) => openFollower(random, 3 + random.below(1000)),
  closeMember,
  openReplies,
  reply,
  reply,
];

function hello(random: Random): WholeFrame {
  const bytes = bytesOf((writer) => {
    writer.bytes(MAGIC);
    writeControlFrame(writer, "hello", { client: `client ${random.below(9)}`, capabilities: [] });
  });
  return { bytes, softFrom: 0, softTo: 0, isText: true };
}

function publish(random: Random): WholeFrame {
  const messages = Array.from({ length: 1 + random.below(4) }, (_, index) => ({
    kind: random.pick([0, 1, 2] as const),
    headers: random.once(4) ? { index: `${index}`, noise: "x".repeat(random.below(50)) } : {},
    body: new Uint8Array(random.below(random.once(20) ? 5000 : 100)),
    wishes: random.once(4) ? makeWishes(random) : {},
  }));
  // A message with a dedup id is the only one of its batch.
  if (random.once(8)) messages.splice(1);
  const batch = encodeBatch(messages);
  const fields = {
    publisher: 1 + random.below(2),
    sequence: 1 + random.below(10_000),
    settled: random.below(10_000),
  };
  const bytes = bytesOf((writer) => writePublish(writer, fields, batch));
  const bodyBytes = messages.at(-1)!.body.length;
  // The low bytes of the sequence, or the body of the last message.
  if (bodyBytes === 0 || random.once(2)) return soft(bytes, 14, 17);
  return soft(bytes, bytes.length - bodyBytes, bytes.length);
}

function tags(random: Random, verb: "ack" | "release" | "begin"): WholeFrame {
  const ranges = Array.from({ length: 1 + random.below(3) }, () => ({
    firstTag: 1 + random.below(20),
    count: 1 + random.below(4),
  }));
  const fields = { follower: 1 + random.below(2), query: random.below(3), ranges };
  const bytes = bytesOf((writer) => writeTags(writer, FrameType[verb], fields));
  // The query, or the middle of the first tag.
  return random.once(2) ? soft(bytes, 9, 13) : soft(bytes, 20, 24);
}

function verdict(random: Random, verb: "nack" | "reject" | "extend"): WholeFrame {
  const ranges = Array.from({ length: 1 + random.below(3) }, () => ({
    firstTag: 1 + random.below(20),
    count: 1 + random.below(4),
  }));
  const fields = {
    follower: 1 + random.below(2),
    query: random.below(3),
    ranges,
    ms: random.once(2) ? undefined : random.below(1000),
    reason: random.once(2) ? "" : `reason ${random.below(9)}`,
  };
  const bytes = bytesOf((writer) => writeVerdict(writer, FrameType[verb], fields));
  // The query, or the low bytes of the time.
  return random.once(2) ? soft(bytes, 9, 13) : soft(bytes, 19, 22);
}

/** What a message says of its own delivery. */
function makeWishes(random: Random): PropertyWishes {
  return {
    ...random.once(2) && { delayMs: random.below(1000) },
    ...random.once(2) && { ttlMs: 1 + random.below(1000) },
    ...random.once(4) && {
      request: { stream: random.pick(REPLY_STREAMS), number: random.below(100) },
    },
    ...random.once(4) && { dedupId: `id ${random.below(20)}` },
  };
}

/** What an operation needs beside a name. */
function makeOptions(random: Random, operation: Operation): QueryOptions {
  switch (operation) {
    case "createStream":
    case "updateStream":
      return {
        stream: {
          ackTimeoutMs: 100 + random.below(1000),
          maxDeliveries: 1 + random.below(5),
          maxMessages: random.once(2) ? null : 1 + random.below(50),
          overflow: random.pick(["reject", "drop-oldest"] as const),
        },
      };
    case "closeConnection":
      // The other sessions of the test go on.
      return { connection: 1e9 + random.below(20), reason: "why" };
    case "setLogLevel":
      return { level: "debug" };
    case "redrive":
    case "dropMessages":
      return { ids: [1 + random.below(20), 1 + random.below(20)] };
    case "cancelMessages": {
      const mark = random.pick(["lane", "key", "dedupId"]);
      return { [mark]: "k", limit: 1 + random.below(20) };
    }
    default:
      return { from: 1 + random.below(20), limit: 1 + random.below(20) };
  }
}

function credit(random: Random): WholeFrame {
  const messages = random.below(50);
  const fields = { follower: 1 + random.below(2), messages, bytes: random.below(100_000) };
  return soft(bytesOf((writer) => writeCredit(writer, fields)), 9, 17);
}

function query(random: Random): WholeFrame {
  const operation = random.pick(OPERATIONS);
  const name = random.pick(STREAMS);
  const options = random.once(2) ? makeOptions(random, operation) : undefined;
  const fields = {
    query: 1 + random.below(100),
    operation,
    name,
    ...options !== undefined && { options },
  };
  const bytes = bytesOf((writer) => writeQuery(writer, fields));
  return inText(bytes, random.once(4) ? operation : `"${name}"`);
}

function openPublisher(random: Random, publisher: number): WholeFrame {
  const bind = makeBind(random);
  const fields = { publisher, identity: `identity ${random.below(20)}`, bind };
  return inText(bytesOf((writer) => writeControlFrame(writer, "openPublisher", fields)));
}

function openFollower(random: Random, follower: number): WholeFrame {
  const bind = makeBind(random);
  const name = `follower ${random.below(5)}`;
  const fields = { follower, name, bind, messages: random.below(30), bytes: random.below(5000) };
  return inText(bytesOf((writer) => writeControlFrame(writer, "openFollower", fields)));
}

function closeMember(random: Random): WholeFrame {
  const isPublisher = random.once(2);
  const bytes = bytesOf((writer) => {
    writer.begin(isPublisher ? FrameType.closePublisher : FrameType.closeFollower);
    writer.u32(1 + random.below(4));
    if (!isPublisher) writer.u64(random.below(30));
    writer.end();
  });
  return soft(bytes, 5, 9);
}

const REPLY_STREAMS = ["$reply.a", "$reply.b", "$reply.c"];

function openReplies(random: Random): WholeFrame {
  const stream = random.pick(REPLY_STREAMS);
  const bytes = bytesOf((writer) => writeControlFrame(writer, "openReplies", { stream }));
  return inText(bytes, `"${stream}"`);
}

function reply(random: Random): WholeFrame {
  const stream = random.pick(REPLY_STREAMS);
  const batch = encodeBatch(Array.from({ length: 1 + random.below(3) }, () => ({
    kind: random.pick([0, 1, 2] as const),
    headers: random.once(4) ? { noise: "x".repeat(random.below(50)) } : {},
    body: new Uint8Array(random.below(100)),
    wishes: { request: { stream, number: random.below(100) } },
  })));
  const fields = { stream, query: random.below(3) };
  // The number of the query that is answered, or the last letter of the stream's name.
  const bytes = bytesOf((writer) => writeReply(writer, fields, batch));
  const at = 10 + stream.length;
  return random.once(2) ? soft(bytes, 5, 9) : soft(bytes, at - 1, at);
}

function makeBind(random: Random) {
  return random.once(3)
    ? { routeString: random.pick(PATTERNS), bindType: "regex", ignoreCase: random.once(2) } as const
    : { routeString: random.pick(STREAMS), bindType: "direct", ignoreCase: false } as const;
}

function soft(bytes: Uint8Array, softFrom: number, softTo: number): WholeFrame {
  return { bytes, softFrom, softTo, isText: false };
}

/** A frame with a text in it of which the first letter may change. */
function inText(bytes: Uint8Array, text = '"routeString":"'): WholeFrame {
  const at = new TextDecoder().decode(bytes).indexOf(text);
  const softFrom = at + (text.startsWith('"route') ? text.length : 1);
  return { bytes, softFrom, softTo: softFrom + 1, isText: true };
}

function swap(script: ScriptFrame[], one: number, other: number): void {
  [script[one], script[other]] = [script[other]!, script[one]!];
}
