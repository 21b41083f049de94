/**
 * A committer on a file whose flushes end when the test says so, with a few words to use it.
 *
 * @module
 */

import type { BrokerError } from "../../../protocol.ts";
import type { Published } from "../../../src/broker/event.ts";
import { Committer, type CommitterOptions } from "../../../src/engine/journal/committer.ts";
import { WriteCounters } from "../../../src/engine/journal/journal_counters.ts";
import type { DiskFile } from "../../../src/engine/journal/disk/disk.ts";
import { readEvents } from "../../../src/broker/events/event_codec.ts";
import { scanSegment } from "../../../src/engine/journal/segments/scan.ts";
import { Proof } from "../../../src/engine/journal/segments/proof.ts";
import { SegmentFile } from "../../../src/engine/journal/segments/segment_file.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";

/** More turns of the queue of microtasks than anything takes here. */
const TURNS = 200;

const JOURNAL_ID = 1;
const NAME = "segment";

/** Lets everything happen that can. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
}

/** A committer and what it does. */
export class CommitterUse {
  readonly disk: SimulatedDisk;
  readonly committer: Committer;
  readonly segment: SegmentFile;
  /** What was done and told, in order. */
  readonly log: string[] = [];
  /** The time. */
  now = 1000;
  /** Whether flushes wait until {@linkcode CommitterUse.release}. */
  isHeld = false;
  /** With what it has failed, each time. */
  readonly failures: unknown[] = [];
  #nextId = 1;
  #waiting: (() => void)[] = [];

  private constructor(
    disk: SimulatedDisk,
    file: DiskFile,
    proof: Proof,
    options: Partial<CommitterOptions>,
  ) {
    this.disk = disk;
    this.segment = new SegmentFile(0, this.#watch(file), 0);
    this.committer = new Committer({ segment: this.segment, proof }, {
      level: "always",
      intervalMs: 100,
      journalId: JOURNAL_ID,
      now: () => this.now,
      counters: new WriteCounters(),
      rotate: () => undefined,
      beforeWrite: () => () => {},
      useReserve: () => void this.log.push("use reserve"),
      fail: (error) => void this.failures.push(error),
      ...options,
    });
  }

  static async begin(options: Partial<CommitterOptions> = {}): Promise<CommitterUse> {
    const disk = new SimulatedDisk({ seed: 1 });
    const file = disk.create(NAME);
    return new CommitterUse(disk, file, await Proof.bySync(file, 0), options);
  }

  /** Publishes one message with the next id. */
  store(text: string): void {
    const firstId = this.#nextId++;
    const batch = batchOf(text);
    const storedIn = [{ stream: "a", number: 1, firstId }];
    const event: Published = {
      type: "published",
      publisher: 1,
      sequence: firstId,
      storedIn,
      storedAt: this.now,
      batch,
    };
    const name = text.slice(0, 20);
    this.committer.store(event, {
      stored: ({ batch, place }) => {
        const [found] = textsOf(batch);
        if (found !== text || place?.segment !== this.segment) this.log.push(`wrong ${name}`);
        this.log.push(`stored ${name}`);
      },
      failed: ({ code }: BrokerError) => void this.log.push(`refused ${name} ${code}`),
    });
    // Whoever keeps the buffer beyond the call will see this.
    batch.buffer.fill(0xee);
  }

  /** Acknowledges one message. */
  acknowledge(firstId: number): void {
    this.committer.commit({ type: "acknowledged", number: 1, firstId, count: 1 });
  }

  whenDurable(name: string): void {
    this.committer.whenDurable(() => void this.log.push(`durable ${name}`));
  }

  /** Lets the flushes end that are waiting. */
  release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Takes what was logged since it was last taken. */
  take(): string[] {
    return this.log.splice(0);
  }

  /** What is in the file, as groups of records in words. */
  read(): string[] {
    const groups: string[][] = [];
    const bytes = this.disk.readAll(NAME);
    const head = { base: 0, journalId: JOURNAL_ID };
    const { disk } = this;
    scanSegment({ file: disk.open(NAME), head, start: 0, end: bytes.length }, {
      group: ({ durable, offset }) => void groups.push([durable === offset ? "proves" : ""]),
      record: (record) => {
        readEvents(record, (event) => {
          const group = groups.at(-1)!;
          if (event.type === "published") group.push(...textsOf(event.batch));
          else if (event.type === "acknowledged") group.push(`ack ${event.firstId}+${event.count}`);
          else group.push(event.type);
        });
      },
      fault: ({ what }) => void groups.push([what]),
    });
    return groups.map((group) => group.filter((word) => word !== "").join(" "));
  }

  #watch(file: DiskFile): DiskFile {
    return {
      ...file,
      write: (bytes, position) => {
        const count = file.write(bytes, position);
        this.log.push(count < bytes.length ? "short write" : "write");
        return count;
      },
      sync: async () => {
        this.log.push("flush");
        if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        await file.sync();
      },
      truncate: (size) => {
        this.log.push("cut");
        file.truncate(size);
      },
    };
  }
}
