/**
 * Nodes that die, hang, and come back, one after the other, while a log is written and followed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { LeaderlessError } from "../../../../src/engine/replicated/log.ts";
import type { JetStreamLog } from "../../../../src/engine/replicated/jetstream/jetstream_log.ts";
import { NatsCluster } from "../../../support/nats/nats_cluster.ts";
import { nameCluster, openLog, useNatsServer } from "../../../support/nats/nats_use.ts";

const { program = "", missing } = await useNatsServer();
const ignore = missing !== undefined;

/** So many records are appended between two deaths, and under way at a time. */
const RECORDS = 200;
const PIPELINE = 4;

/** So long until a log is tried again that has failed, in milliseconds. */
const PAUSE_MS = 20;

/** A writer that goes on whatever happens; nobody else writes. */
class Writer {
  /** The records that were answered. */
  readonly answered = new Set<number>();
  readonly faults: Error[] = [];
  #last = 0;

  constructor(readonly log: JetStreamLog) {}

  get last(): number {
    return this.#last;
  }

  /** Appends until so many more are in the log. */
  async append(count: number): Promise<void> {
    const end = this.#last + count;
    while (this.#last < end) {
      const calls = Array.from({ length: PIPELINE }, async (_, index) => {
        this.answered.add(await this.log.append(this.#last + index, recordOf(this.#last + index)));
      });
      const outcomes = await Promise.allSettled(calls);
      const failed = outcomes.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
      if (failed.length === 0) this.#last += PIPELINE;
      else {
        this.faults.push(...failed);
        await this.#settle();
      }
    }
  }

  /** Finds out where the log ends, by reading what may be there. */
  async #settle(): Promise<void> {
    for (;;) {
      try {
        this.#last = Math.max((await this.log.bounds()).last, ...this.answered);
        return;
      } catch (error) {
        this.faults.push(error as Error);
        await delay(PAUSE_MS);
      }
    }
  }
}

function recordOf(what: number): Uint8Array {
  return new TextEncoder().encode(`record behind ${what} `.repeat(20));
}

/** Follows a log; fails if a sequence is skipped, doubled or wrong. */
class Follower {
  #last = 0;
  #wake = () => {};

  constructor(log: JetStreamLog) {
    log.follow(1, {
      take: (sequence, record) => {
        assertEquals(sequence, this.#last + 1);
        assertEquals(record, recordOf(sequence - 1));
        this.#last = sequence;
        this.#wake();
      },
      trimmed: () => assert(false, "nothing is trimmed"),
      shorter: (last) => assert(false, `the log never ends at ${last}`),
    });
  }

  async waitFor(sequence: number): Promise<void> {
    while (this.#last < sequence) await new Promise<void>((resolve) => this.#wake = resolve);
  }
}

Deno.test(
  { name: "a log is written and followed while each of its nodes dies", ignore },
  async () => {
    await using nodes = await NatsCluster.start({ program });
    const options = { cluster: nameCluster(), replicas: 3 };
    const log = await openLog(nodes.addresses, options);
    const other = await openLog(nodes.addresses, { ...options, id: "b" });
    const writer = new Writer(log);
    const followers = [new Follower(log), new Follower(other)];
    for (const [index, way] of (["kill", "pause", "end"] as const).entries()) {
      await writer.append(RECORDS);
      const node = index === 2
        ? nodes.nodes.find(({ name }) => name === other.node)!
        : await nodes.findLeader(log.names.stream);
      if (way === "kill") await node.kill();
      else if (way === "pause") node.pause();
      else await node.kill("SIGTERM");
      await writer.append(RECORDS);
      await Promise.all(followers.map((follower) => follower.waitFor(writer.last)));
      if (way === "pause") node.resume();
      else node.start();
      await nodes.waitUntilHealthy();
    }
    await writer.append(RECORDS);
    await Promise.all(followers.map((follower) => follower.waitFor(writer.last)));
    for (const sequence of writer.answered) {
      if (sequence % 50 === 0) assertEquals(await other.read(sequence), recordOf(sequence - 1));
    }
    // While nobody led the log, the writer heard of it.
    assert(writer.faults.some((fault) => fault instanceof LeaderlessError), String(writer.faults));
    await log.close();
    await other.close();
  },
);
