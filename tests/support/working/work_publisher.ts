import type {
  BatchNumber,
  EnginePublisher,
  PublisherSink,
  StoredIn,
} from "../../../src/broker/engine.ts";
import { type BrokerError, type Coalesce, encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import { bindOf, type TestBind } from "../broker/test_broker.ts";
import { type Connection, NetworkClient } from "./network_client.ts";
import type { WorkInit } from "./promises/work_copy.ts";
import type { WorkLife, WorkParts } from "./work_parts.ts";
import type { WorkStream } from "./work_streams.ts";

/** The most batches of a publisher that wait for their outcome. */
const UNHEARD_MAX = 6;

/** Messages that were sent together. */
interface SentWork {
  readonly sequence: number;
  readonly messages: readonly WorkInit[];
}

/** A publisher of messages with lanes, keys and coalesce ids. */
export class WorkPublisher extends NetworkClient<EnginePublisher, WorkLife, WorkParts> {
  readonly identity: string;
  readonly #bind: TestBind;
  readonly #targets: readonly WorkStream[];
  #nextNumber = 1;
  #unheard: SentWork[] = [];

  constructor(parts: WorkParts, identity: string, bind: TestBind) {
    super(parts);
    this.identity = identity;
    this.#bind = bind;
    const isTarget = (name: string) => typeof bind === "string" ? name === bind : bind.test(name);
    this.#targets = parts.streams.filter(({ name }) => isTarget(name));
  }

  get hasHeardAll(): boolean {
    return this.#unheard.length === 0;
  }

  /** Publishes something. */
  publish(): void {
    if (this.#unheard.length >= UNHEARD_MAX || this.isClosing) return;
    const { random, ledger, time: { now }, counts } = this.parts;
    const sequence = this.#nextNumber;
    const first = this.#make();
    const count = first.coalesce === undefined && random.chance(0.2) ? 1 + random.below(4) : 1;
    const messages = [first];
    for (let index = 1; index < count; index++) {
      messages.push({ ...first, label: `${this.identity}#${sequence + index}` });
    }
    for (const message of messages) {
      for (const stream of this.#targets) ledger.send(message, stream, now);
    }
    this.#nextNumber += count;
    counts.sent += count;
    const sent = { sequence, messages };
    this.#unheard.push(sent);
    this.#transmit(sent);
  }

  #make(): WorkInit {
    const { random } = this.parts;
    const { lanes, keys, coalesceIds } = this.#targets[0]!;
    const label = `${this.identity}#${this.#nextNumber}`;
    const coalesce = coalesceIds > 0 && random.chance(0.7)
      ? this.#chooseCoalesce(coalesceIds)
      : undefined;
    // Messages of one coalesce id have one key and one lane.
    const number = coalesce === undefined ? random.below(100) : Number(coalesce.id.slice(1));
    const isPlain = coalesce === undefined && random.chance(0.2);
    const delayMs = coalesce === undefined && random.chance(0.1) ? random.below(3000) : undefined;
    return {
      label,
      lane: lanes > 0 && !isPlain ? `L${number % lanes}` : undefined,
      key: keys > 0 && (coalesce !== undefined || random.chance(0.7))
        ? `k${number % keys}`
        : undefined,
      coalesce,
      delayMs,
    };
  }

  #chooseCoalesce(ids: number): Coalesce {
    const { random } = this.parts;
    const quietMs = random.chance(0.5) ? 0 : random.below(1500);
    return {
      id: `c${random.below(ids)}`,
      quietMs,
      atMostMs: random.chance(0.3) ? quietMs + random.below(3000) : 12 * quietMs,
      take: random.chance(0.75) ? "last" : "first",
      whileWorked: random.chance(0.75) ? "wait" : "drop",
    };
  }

  protected override open(connection: Connection<EnginePublisher, WorkLife>): EnginePublisher {
    const sink = new WorkPublisherSink(this, connection);
    const init = { identity: this.identity, bind: bindOf(this.#bind) };
    return connection.life.engine.openPublisher(init, sink);
  }

  protected override connected(): void {
    for (const sent of this.#unheard) this.#transmit(sent);
  }

  protected override lose(_: Connection<EnginePublisher, WorkLife>, port: EnginePublisher): void {
    port.lose();
  }

  #transmit({ sequence, messages }: SentWork): void {
    const batch = encodeBatch(messages.map(({ label, ...wishes }) => {
      const body = new TextEncoder().encode(label.padEnd(label.length + sequence % 40, "."));
      return { kind: 1, headers: {}, body, wishes };
    }));
    const settled = this.#unheard[0]?.sequence ?? sequence;
    const flags = findFlags(batch);
    this.send((port) => {
      port.publish({ ...batch, flags, sequence, settled, bytes: batch.end });
      batch.buffer.fill(0xee);
    });
  }

  /** The broker tells where messages are stored, or that they were let go. */
  confirm(
    connection: Connection<EnginePublisher, WorkLife>,
    { sequence, count }: BatchNumber,
    stored: readonly StoredIn[],
  ): void {
    const { ledger, counts, time: { now } } = this.parts;
    if (!connection.life.isHeard(`confirms ${this.identity}#${sequence}`)) return;
    for (let index = 0; index < count; index++) {
      const label = `${this.identity}#${sequence + index}`;
      for (const { stream, firstId, replaced, isKept = false } of stored) {
        const copy = ledger.find(stream, label);
        if (copy === undefined) ledger.report(`${label} is confirmed for ${stream}`);
        else ledger.confirm(copy, { stream, id: firstId + index, replaced, isKept }, now);
        if (replaced !== undefined) counts.replaced++;
        if (isKept) counts.kept++;
      }
      if (stored.length !== this.#targets.length) {
        ledger.report(`${label} is stored in ${stored.length} streams`);
      }
    }
    if (connection !== this.connection) return;
    counts.confirmed += count;
    this.receive(connection, () => this.#hear(sequence));
  }

  /** The broker refuses messages. */
  refuse(
    connection: Connection<EnginePublisher, WorkLife>,
    { sequence, count }: BatchNumber,
    { code }: BrokerError,
  ): void {
    // An old connection may be told that it is not stored, while a new one has stored it.
    // Until it hears that nothing is stored it sends the batch again when it is connected anew.
    this.receive(connection, () => {
      for (let index = 0; index < count; index++) {
        for (const { name } of this.#targets) {
          const copy = this.parts.ledger.find(name, `${this.identity}#${sequence + index}`)!;
          this.parts.ledger.refuse(copy, code);
        }
      }
      this.#hear(sequence);
    });
  }

  #hear(sequence: number): void {
    this.#unheard = this.#unheard.filter((sent) => sent.sequence !== sequence);
  }
}

class WorkPublisherSink implements PublisherSink {
  readonly #publisher: WorkPublisher;
  readonly #connection: Connection<EnginePublisher, WorkLife>;

  constructor(publisher: WorkPublisher, connection: Connection<EnginePublisher, WorkLife>) {
    this.#publisher = publisher;
    this.#connection = connection;
  }

  confirm(batch: BatchNumber, stored: readonly StoredIn[]): void {
    this.#publisher.confirm(this.#connection, batch, stored);
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    this.#publisher.refuse(this.#connection, batch, error);
  }

  end(): void {}
}
