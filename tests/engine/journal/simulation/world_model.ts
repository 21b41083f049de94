/**
 * What clients know of a broker that crashes: what was sent, confirmed, refused, taken and
 * acknowledged, and so what may, must and must not be there afterwards.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import type { ReceivedMessage, ReceivedOutcome } from "../../../support/broker/recording_sinks.ts";

/** A message in one stream, as far as it is known to be stored. */
interface ModelMessage {
  readonly text: string;
  readonly id: number;
  /** How far it was acknowledged. */
  acknowledged: "no" | "sent" | "confirmed";
  /** The highest attempts that it was delivered with. */
  attempts: number;
}

/** A stream from its creation to its deletion. */
export class ModelStream {
  readonly name: string;
  state: "creating" | "there" | "deleting" | "gone" = "creating";
  /** What is stored, by id. */
  readonly messages: Map<number, ModelMessage> = new Map();
  /** Which text each id stands for, also when the message is gone. */
  readonly ids: Map<number, string> = new Map();
  nextId = 1;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether it has this very message. */
  has({ id, text }: ReceivedMessage): boolean {
    return this.messages.get(id)?.text === text;
  }

  /** Notes that a message is stored. */
  store(id: number, text: string): ModelMessage {
    assertEquals(this.ids.get(id) ?? text, text, `${this.name}:${id} stands for one message`);
    this.ids.set(id, text);
    this.nextId = Math.max(this.nextId, id + 1);
    const known = this.messages.get(id);
    if (known !== undefined) return known;
    const message: ModelMessage = { text, id, acknowledged: "no", attempts: 0 };
    this.messages.set(id, message);
    return message;
  }
}

/** A batch that was sent. */
export interface ModelBatch {
  readonly identity: string;
  readonly sequence: number;
  readonly texts: readonly string[];
  /** The streams that it goes to, if it is stored. */
  targets: ModelStream[];
  /** Whether it is stored, as far as anybody knows. */
  state: "unknown" | "stored" | "not stored";
  /** Whether it may have been stored where nothing of it can be seen. */
  mayBeGone: boolean;
  /** Which streams it goes to, also when it is sent again. */
  readonly matches: (name: string) => boolean;
}

/** What clients know. */
export class WorldModel {
  readonly #streams = new Map<string, ModelStream>();
  /** Batches of which nobody knows whether they are stored, in the order in which they were sent. */
  #unknown: ModelBatch[] = [];
  #textCount = 0;

  /** The stream of that name, if it can be used. */
  find(name: string): ModelStream | undefined {
    const stream = this.#streams.get(name);
    return stream === undefined || stream.state === "deleting" ? undefined : stream;
  }

  /** Whether a stream of that name is being deleted. */
  isLeaving(name: string): boolean {
    return this.#streams.get(name)?.state === "deleting";
  }

  /** A stream is being created; resolves to what to do when it is. */
  create(name: string, created: Promise<boolean>): Promise<() => void> {
    // One that is being deleted is replaced; that is known in the same order.
    const stream = new ModelStream(name);
    this.#streams.set(name, stream);
    return created.then(() => () => {
      if (stream.state === "creating") stream.state = "there";
    });
  }

  /** Creating a stream was refused. */
  forget(name: string): void {
    this.#streams.delete(name);
  }

  /** A stream is being deleted; resolves to what to do when it is. */
  delete(stream: ModelStream, deleted: Promise<unknown>): Promise<() => void> {
    stream.state = "deleting";
    return deleted.then(() => () => {
      if (stream.state !== "deleting") return;
      stream.state = "gone";
      if (this.#streams.get(stream.name) === stream) this.#streams.delete(stream.name);
    });
  }

  /** A batch is being sent. */
  publish(
    { identity, sequence, count, size, matches }: {
      identity: string;
      sequence: number;
      count: number;
      size: number;
      matches: (name: string) => boolean;
    },
  ): ModelBatch {
    const texts = Array.from(
      { length: count },
      () => `${++this.#textCount} of ${identity}`.padEnd(size, "."),
    );
    const batch: ModelBatch = {
      identity,
      sequence,
      texts,
      targets: [],
      state: "unknown",
      matches,
      mayBeGone: false,
    };
    this.expectAgain(batch);
    return batch;
  }

  /** A batch is sent, perhaps once more. */
  expectAgain(batch: ModelBatch): void {
    if (batch.state === "stored") return;
    batch.state = "unknown";
    batch.targets = [...this.#streams.values()].filter(({ name, state }) =>
      state !== "deleting" && batch.matches(name)
    );
    this.#unknown.push(batch);
  }

  /** Nobody will send these batches again. */
  abandon(batches: readonly ModelBatch[]): void {
    this.#unknown = this.#unknown.filter((batch) => !batches.includes(batch));
  }

  /** A batch is refused. */
  refuse(batch: ModelBatch, code: string): void {
    assert(batch.state === "unknown", `a batch that is stored is not refused with ${code}`);
    if (code !== "DISK_FULL") assertEquals(batch.targets.length, 0, code);
    this.#settle(batch, "not stored");
  }

  /** A batch is confirmed. */
  confirm(batch: ModelBatch, { stored, isDuplicate }: ReceivedOutcome): void {
    if (batch.state === "stored") return assert(isDuplicate, "what is stored is not stored again");
    this.#settle(batch, "stored");
    if (isDuplicate) return assert(batch.mayBeGone, "what is not stored is no duplicate");
    for (const target of batch.targets) {
      if (target.state === "gone") continue;
      const at = stored.find((at) => at.startsWith(`${target.name}:`));
      assert(at !== undefined, `a batch is stored in all streams, ${target.name} too`);
      const firstId = Number(at.split(":")[1]);
      batch.texts.forEach((text, index) => target.store(firstId + index, text));
    }
  }

  /** Messages were delivered. */
  noteDelivered(messages: readonly ReceivedMessage[]): void {
    for (const message of messages) {
      const stream = this.#streams.get(message.stream);
      const known = stream?.messages.get(message.id);
      if (known?.text === message.text) known.attempts = Math.max(known.attempts, message.attempts);
    }
  }

  /** A message is acknowledged, or that is confirmed. */
  acknowledge({ stream: name, id, text }: ReceivedMessage, how: "sent" | "confirmed"): void {
    const message = this.#streams.get(name)?.messages.get(id);
    if (message?.text === text) message.acknowledged = how;
  }

  /** After a crash: which streams there are, with their next ids. */
  settleStreams(found: ReadonlyMap<string, number>): void {
    for (const [name, stream] of this.#streams) {
      const nextId = found.get(name);
      if (nextId !== undefined) {
        assert(stream.state !== "gone", `${name} is not there again`);
        if (stream.state !== "creating") {
          assertGreaterOrEqual(nextId, stream.nextId, `${name}: ids are not used again`);
        }
        stream.state = "there";
      } else {
        assert(stream.state !== "there", `${name} is there`);
        stream.state = "gone";
        this.#streams.delete(name);
      }
    }
    for (const name of found.keys()) assert(this.#streams.has(name), `${name} was created`);
  }

  /** After a crash: everything that is ready. */
  compare(messages: readonly ReceivedMessage[]): void {
    const found = new Map<string, ReceivedMessage>();
    const lastIds = new Map<string, number>();
    for (const message of messages) {
      const key = `${message.stream}:${message.text}`;
      assert(!found.has(key), `${key} is there once`);
      found.set(key, message);
      assert(message.id > (lastIds.get(message.stream) ?? 0), "messages come in the order of ids");
      lastIds.set(message.stream, message.id);
    }
    this.#compareUnknown(found);
    for (const stream of this.#streams.values()) this.#compareStream(stream, found);
    assertEquals([...found.keys()], [], "nothing is there that was not sent, or should be gone");
  }

  /** Of what nobody knows, a beginning is stored, each batch in all its streams or in none. */
  #compareUnknown(found: ReadonlyMap<string, ReceivedMessage>): void {
    let isOver = false;
    for (const batch of this.#unknown) {
      const targets = batch.targets.filter(({ state }) => state === "there");
      const parts = targets.flatMap((stream) =>
        batch.texts.map((text) => ({ stream, message: found.get(`${stream.name}:${text}`) }))
      );
      if (parts.length === 0) {
        // It may have been stored in streams that are gone.
        batch.mayBeGone = true;
        continue;
      }
      const isStored = parts.some(({ message }) => message !== undefined);
      if (isStored) {
        assert(!isOver, `a batch is not stored without those before it: ${batch.texts[0]}`);
        batch.state = "stored";
        for (const { stream, message } of parts) {
          assert(message !== undefined, `a batch is stored as a whole: ${batch.texts[0]}`);
          stream.store(message.id, message.text);
        }
      } else {
        isOver = true;
        batch.state = "not stored";
      }
    }
    this.#unknown = [];
  }

  #compareStream(stream: ModelStream, found: Map<string, ReceivedMessage>): void {
    for (const message of [...stream.messages.values()]) {
      const key = `${stream.name}:${message.text}`;
      const seen = found.get(key);
      found.delete(key);
      if (message.acknowledged === "confirmed") {
        assertEquals(seen, undefined, `${key} is acknowledged for good`);
      }
      if (seen === undefined) {
        assert(message.acknowledged !== "no", `${key} (${message.id}) is there: it was confirmed`);
        stream.messages.delete(message.id);
        continue;
      }
      assertEquals(seen.id, message.id, `${key} keeps its id`);
      assertLessOrEqual(seen.attempts, message.attempts + 1, `${key}: attempts`);
      message.acknowledged = "no";
    }
  }

  #settle(batch: ModelBatch, state: "stored" | "not stored"): void {
    batch.state = state;
    const index = this.#unknown.indexOf(batch);
    if (index >= 0) this.#unknown.splice(index, 1);
  }
}
