/**
 * A broker on a disk in memory that crashes again and again, and a model of what may be left of it.
 *
 * Everything follows from a seed: what clients do, when the crash comes, what the disk makes of it.
 * After each crash the journal is opened again and everything that is ready is looked at. What must
 * hold: what was confirmed is there, whole, in order and under its id; what was acknowledged with a
 * confirm, refused, or seen to be gone does not come back; of what nobody knows, a beginning is there
 * and nothing behind it; nothing appears that nobody sent.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { EngineFollower, EnginePublisher } from "../../../../src/broker/engine.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { batchOf } from "../../../support/wire/batches.ts";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { LeasedDisk } from "../../../support/disk/leased_disk.ts";
import { Random } from "../../../support/random.ts";
import {
  type ReceivedMessage,
  type ReceivedOutcome,
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../../../support/broker/recording_sinks.ts";
import { restoreOn, takeBackup } from "../backup/restored_disk.ts";
import {
  AHEAD_BYTES,
  SimulatedDisk,
  type SimulatedDiskOptions,
} from "../../../support/disk/simulated_disk.ts";
import { bindOf, type TestBind } from "../../../support/broker/test_broker.ts";
import { countNothing, type WorldCounts } from "./world_counts.ts";
import { type ModelBatch, WorldModel } from "./world_model.ts";

const STREAMS = ["a1", "a2", "b1"];
const BINDS: TestBind[] = ["a1", "b1", /^a/, /1$/];
/** How often a broker goes on elsewhere, with a backup, in place of its own disk. */
const BACKUP_CHANCE = 0.08;
const CREDIT = { messages: 4096, bytes: 16 * 1024 * 1024 };

/** A publisher, across crashes. */
interface WorldPublisher {
  readonly identity: string;
  readonly bind: TestBind;
  nextSequence: number;
  /** What it has not heard the outcome of, in order. */
  unheard: ModelBatch[];
  port: EnginePublisher | undefined;
}

/** How a world is made. */
export interface WorldOptions {
  readonly seed: number;
  /** A disk that lies, to see that it is noticed. */
  readonly lying?: SimulatedDiskOptions["lying"];
}

/** One broker, its clients and its disk, through many crashes. */
export class SimulatedWorld {
  readonly counts: WorldCounts = countNothing();
  readonly #random: Random;
  /** Chooses when a backup is restored; a world without them goes the same way. */
  readonly #backupRandom: Random;
  #disk: SimulatedDisk;
  readonly #model = new WorldModel();
  readonly #options: TestJournalOptions;
  readonly #hasPowerCuts: boolean;
  #publishers: WorldPublisher[] = [];
  #publisherCount = 0;
  #engine: LocalEngine | undefined;
  #follower: EngineFollower | undefined;
  /** Changes with each crash: what an earlier life says does not count. */
  #life = 0;
  #lease: LeasedDisk | undefined;
  #hasFailed = false;
  #isFailureHeard = false;
  #isBackingUp = false;
  /** Whether some trouble with the disk is planned. */
  #isTroubled = false;
  /** Why a broker has failed during a backup, without trouble. */
  #fault: unknown;
  #now = 1000;
  /** By so much the machine's clock is ahead. */
  #aheadMs = 0;

  constructor({ seed, lying }: WorldOptions) {
    const random = new Random(seed);
    this.#random = random;
    this.#backupRandom = new Random(seed + 1);
    const ahead = seed % 2 === 0 ? { aheadBytes: AHEAD_BYTES } : {};
    const more = { ...ahead, ...lying && { lying } };
    this.#disk = new SimulatedDisk({ seed: random.below(2 ** 31), ...more });
    this.#hasPowerCuts = random.chance(0.9);
    this.#options = {
      level: this.#hasPowerCuts ? "always" : random.pick(["always", "interval", "never"]),
      segmentBytes: random.pick([512, 1500, 4096, 64 * 1024]),
      memoryLimit: random.pick([1, 10_000_000]),
      reserveBytes: 2048,
      now: () => this.#now,
      dateNow: () => this.#now + this.#aheadMs,
    };
  }

  /** Goes through so many crashes. */
  async run(crashCount: number): Promise<void> {
    for (let crash = 0; crash < crashCount; crash++) {
      await this.#open();
      await this.#look();
      this.#planFaults();
      await this.#act();
      const elsewhere = this.#backupRandom.chance(BACKUP_CHANCE) && await this.#backUp();
      this.#crash();
      if (elsewhere) this.#disk = elsewhere;
    }
    this.#disk.heal();
    this.#disk.capacity = undefined;
    await this.#open();
    await this.#look();
    await this.#engine!.close();
  }

  /** Opens the journal; sometimes it crashes while it does. */
  async #open(): Promise<void> {
    for (;;) {
      const life = ++this.#life;
      this.#hasFailed = false;
      this.#isFailureHeard = false;
      this.#lease = new LeasedDisk(this.#disk);
      const opening = openJournal(this.#lease, {
        ...this.#options,
        fail: (error) => {
          if (this.#isBackingUp && !this.#isTroubled && life === this.#life - 1) {
            this.#fault = error;
          }
          if (life !== this.#life) return;
          this.#hasFailed = true;
          // What was told before may still be on its way to whom it was told.
          this.#turn(4).then(() => void (life === this.#life && (this.#isFailureHeard = true)));
        },
      }).catch((error) => error as Error);
      if (this.#random.chance(0.1)) {
        await this.#turn(this.#random.below(12));
        this.#crash();
        continue;
      }
      const opened = await opening;
      if (!(opened instanceof Error)) {
        this.#engine = opened;
        return;
      }
      const isDamaged = opened instanceof JournalError && opened.trouble === "damaged";
      if (isDamaged || this.counts.faults === 0) throw opened;
      this.#crash();
      this.#disk.heal();
      this.#disk.capacity = undefined;
    }
  }

  /** Looks at everything there is, and compares it with what may be there. */
  async #look(): Promise<void> {
    const engine = this.#engine!;
    const infos = await engine.getStreams();
    this.#model.settleStreams(new Map(infos.map((info) => [info.name, info.nextId])));
    const sink = new RecordingFollowerSink();
    const follower = engine.openFollower({ name: "look", bind: bindOf(/./), ...CREDIT }, sink);
    const expected = infos.reduce((sum, { ready }) => sum + ready, 0);
    for (let turn = 0; sink.messages.length < expected && turn < 50; turn++) await this.#turn(1);
    assertEquals(sink.messages.length, expected, "everything that is ready can be read");
    this.#model.compare(sink.messages);
    this.#model.noteDelivered(sink.messages);
    follower.close(0);
    this.#reopenPublishers();
  }

  #reopenPublishers(): void {
    // Some never come back: what they have not heard stays as it is.
    this.#publishers = this.#publishers.filter((publisher) => {
      const returns = this.#random.chance(0.8);
      if (!returns) this.#model.abandon(publisher.unheard);
      return returns;
    });
    for (const publisher of this.#publishers) {
      this.#connect(publisher);
      for (const batch of [...publisher.unheard]) {
        this.#model.expectAgain(batch);
        this.#send(publisher, batch);
      }
    }
    while (this.#publishers.length < 2) {
      const identity = `publisher ${++this.#publisherCount}`;
      const bind = this.#random.pick(BINDS);
      const publisher = { identity, bind, nextSequence: 1, unheard: [], port: undefined };
      this.#publishers.push(publisher);
      this.#connect(publisher);
    }
  }

  #connect(publisher: WorldPublisher): void {
    const life = this.#life;
    const sink = new RecordingPublisherSink((outcome: ReceivedOutcome) => {
      if (life === this.#life) this.#hear(publisher, outcome);
    });
    const { identity, bind } = publisher;
    publisher.port = this.#engine!.openPublisher({ identity, bind: bindOf(bind) }, sink);
  }

  #hear(publisher: WorldPublisher, outcome: ReceivedOutcome): void {
    const batch = publisher.unheard.shift();
    assert(batch !== undefined, "an outcome belongs to a batch");
    assertEquals(outcome.sequence, batch.sequence, "outcomes come in order");
    if (outcome.code !== undefined) return this.#model.refuse(batch, outcome.code);
    assert(!this.#hasFailed, "nothing is confirmed after the disk has failed");
    this.counts.confirmed += batch.texts.length;
    this.#model.confirm(batch, outcome);
  }

  #send(publisher: WorldPublisher, batch: ModelBatch): void {
    const encoded = batchOf(...batch.texts);
    const { sequence } = batch;
    const settled = publisher.unheard[0]?.sequence ?? sequence;
    const isOwn = this.#random.chance(0.5);
    publisher.port!.publish({ ...encoded, isOwn, sequence, settled, bytes: encoded.end });
    if (!isOwn) encoded.buffer.fill(0xee);
  }

  /** Plans some trouble with the disk. */
  #planFaults(): void {
    const kind = this.#random.below(10);
    this.#isTroubled = kind <= 3;
    if (!this.#isTroubled) return;
    this.counts.faults++;
    if (kind === 0) this.#disk.failAt(1 + this.#random.below(12), "EIO");
    else if (kind === 1) this.#disk.failAt(1 + this.#random.below(12), "short");
    else if (kind === 3) this.#starve();
    else this.#disk.capacity = this.#measureUsed() + this.#random.below(2000);
  }

  /** Some of the next files cannot be created, since too many are open. */
  #starve(): void {
    const first = 1 + this.#random.below(12);
    const count = 1 + this.#random.below(12);
    for (let call = first; call < first + count; call++) this.#disk.failAt(call, "EMFILE");
  }

  #measureUsed(): number {
    return this.#disk.list().reduce((sum, { size }) => sum + size, 0);
  }

  /** Does what clients do. */
  async #act(): Promise<void> {
    const sink = new RecordingFollowerSink((messages) => this.#model.noteDelivered(messages));
    const bind = this.#random.pick<TestBind>([/./, "a1", /^a/]);
    const messages = 1 + this.#random.below(20);
    const name = "follower";
    const options = { name, bind: bindOf(bind), messages, bytes: 16_384 };
    const follower = this.#engine!.openFollower(options, sink);
    this.#follower = follower;
    const done = new Set<number>();
    for (let step = this.#random.below(14); step > 0; step--) {
      await this.#step(follower, sink.messages, done);
      if (this.#hasFailed) return;
      if (this.#random.chance(0.4)) await this.#turn(this.#random.below(8));
      if (this.#random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#random.chance(0.3)) {
      this.#now += this.#random.below(3000);
      this.#engine!.tick(this.#now);
      this.#engine!.tend(this.#now);
      await this.#turn(this.#random.below(20));
    }
    if (this.#random.chance(0.1)) this.#setDate();
    if (this.#random.chance(0.05) && !this.#hasFailed) {
      await Promise.race([this.#engine!.close(), this.#turn(60)]);
    }
  }

  /** Somebody sets the machine's clock, an hour at most, and it is noticed. */
  #setDate(): void {
    this.#aheadMs = this.#random.below(7_200_000) - 3_600_000;
    this.#engine!.tend(this.#now);
  }

  async #step(
    follower: EngineFollower,
    messages: readonly ReceivedMessage[],
    done: Set<number>,
  ): Promise<void> {
    const what = this.#random.below(20);
    if (what < 2) await this.#createOrDelete(this.#random.pick(STREAMS));
    else if (what < 11) this.#publish(this.#random.pick(this.#publishers));
    else if (messages.length > 0) this.#acknowledge(follower, messages, done);
  }

  async #createOrDelete(name: string): Promise<void> {
    const engine = this.#engine!;
    const life = this.#life;
    if (this.#model.isLeaving(name)) return;
    const stream = this.#model.find(name);
    if (stream !== undefined && this.#random.chance(0.7)) return;
    const done = stream === undefined
      ? this.#model.create(name, engine.createStream(name))
      : this.#model.delete(stream, engine.deleteStream(name));
    const heard = done.then(
      (settle) => void (life === this.#life && settle()),
      // The disk is full: there is no such stream then.
      () => void (life === this.#life && stream === undefined && this.#model.forget(name)),
    );
    await Promise.race([heard, this.#turn(this.#random.below(30))]);
  }

  #publish(publisher: WorldPublisher): void {
    const length = 1 + this.#random.below(3);
    const { bind, identity } = publisher;
    const matches = (name: string) => typeof bind === "string" ? name === bind : bind.test(name);
    const batch = this.#model.publish({
      identity,
      sequence: publisher.nextSequence,
      count: length,
      size: this.#random.chance(0.03) ? 70_000 : this.#random.below(90),
      matches,
    });
    publisher.nextSequence += length;
    publisher.unheard.push(batch);
    this.counts.published += length;
    this.#send(publisher, batch);
  }

  #acknowledge(
    follower: EngineFollower,
    messages: readonly ReceivedMessage[],
    done: Set<number>,
  ): void {
    const message = this.#random.pick(messages);
    if (done.has(message.tag)) return;
    const isAlive = this.#model.find(message.stream)?.has(message) ?? false;
    if (!isAlive) return;
    done.add(message.tag);
    const range = [{ firstTag: message.tag, count: 1 }];
    if (this.#random.chance(0.15)) return void follower.release(range);
    const isConfirmed = this.#random.chance(0.5);
    this.#model.acknowledge(message, "sent");
    const durable = follower.ack(range, isConfirmed);
    if (!isConfirmed) return;
    const life = this.#life;
    const confirm = () => {
      if (life !== this.#life) return;
      assert(!this.#isFailureHeard, "no acknowledgement is confirmed after the disk has failed");
      this.counts.acknowledged++;
      this.#model.acknowledge(message, "confirmed");
    };
    if (durable === undefined) confirm();
    else durable.then(confirm);
  }

  /**
   * Makes a disk of a backup; what the broker says after it was opened is not heard. It comes to nothing if
   * the disk fails, or has no room, meanwhile.
   */
  async #backUp(): Promise<SimulatedDisk | undefined> {
    this.#life++;
    // Nothing is delivered of which the model does not know whether it is stored.
    this.#follower?.setCredit(0, 0);
    this.#isBackingUp = true;
    const taking = takeBackup(this.#engine!).catch(() => undefined);
    const taken = await Promise.race([taking, this.#turn(500)]);
    this.#isBackingUp = false;
    if (this.#fault !== undefined) throw this.#fault;
    if (!taken) return undefined;
    this.counts.restored++;
    return restoreOn(taken, this.#backupRandom.below(2 ** 31));
  }

  #crash(): void {
    this.#life++;
    this.counts.crashes++;
    // A process begins by the machine's clock, and that may have been set meanwhile.
    if (this.#random.chance(0.1)) this.#now = Math.max(1000, this.#now + this.#aheadMs);
    if (this.#random.chance(0.2)) this.#aheadMs = 0;
    for (const publisher of this.#publishers) publisher.port = undefined;
    this.#engine = undefined;
    this.#lease?.end();
    this.#disk.heal();
    if (this.#random.chance(0.8)) this.#disk.capacity = undefined;
    if (this.#hasPowerCuts && this.#random.chance(0.6)) {
      this.counts.powerCuts++;
      this.#disk.powerCut();
    } else {
      this.#disk.processKill();
    }
  }

  /** Lets so many turns of the queue of microtasks pass. */
  async #turn(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
  }
}
