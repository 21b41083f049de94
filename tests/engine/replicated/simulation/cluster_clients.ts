/**
 * Clients of a cluster: they go to the broker that serves, repeat what was not confirmed, and see to it that brokers
 * keep their word.
 *
 * @module
 */

import type {
  BatchNumber,
  Delivery,
  EngineFollower,
  EnginePublisher,
  PublisherSink,
  StoredIn,
} from "../../../../src/broker/engine.ts";
import { BrokerError, encodeBatch, type TagRange } from "../../../../protocol.ts";
import { findFlags } from "../../../../src/protocol/messages/batch.ts";
import { bindOf, type TestBind } from "../../../support/broker/test_broker.ts";
import { textsOf } from "../../../support/wire/batches.ts";
import { type Connection, NetworkClient } from "../../../support/working/network_client.ts";
import type { BrokerLife } from "./cluster_broker.ts";
import type { LedgerMessage, Seen } from "./cluster_ledger.ts";
import { STREAMS, type WorldParts } from "./world_parts.ts";
import { SimulatedFollowerSink } from "../../../support/working/follower_sink.ts";

/** The most batches of a publisher that wait for their outcome. */
const UNHEARD_MAX = 6;
type ClusterConnection<Port> = Connection<Port, BrokerLife>;

/** Messages that were sent together. */
interface SentBatch {
  readonly sequence: number;
  readonly messages: readonly LedgerMessage[];
  readonly delayMs: number | undefined;
}

/** A publisher. */
export class ClusterPublisher extends NetworkClient<EnginePublisher, BrokerLife, WorldParts> {
  readonly identity: string;
  readonly #bind: TestBind;
  readonly #targets: readonly string[];
  #nextNumber = 1;
  #unheard: SentBatch[] = [];

  constructor(parts: WorldParts, identity: string, bind: TestBind) {
    super(parts);
    this.identity = identity;
    this.#bind = bind;
    this.#targets = typeof bind === "string" ? [bind] : STREAMS.filter((name) => bind.test(name));
  }

  get hasHeardAll(): boolean {
    return this.#unheard.length === 0;
  }

  /** Publishes something. */
  publish(): void {
    if (this.#unheard.length >= UNHEARD_MAX || this.isClosing) return;
    const { random, ledger, time, counts } = this.parts;
    const sequence = this.#nextNumber;
    const count = random.chance(0.2) ? 1 + random.below(4) : 1;
    const delayMs = random.chance(0.1) ? random.below(4000) : undefined;
    const key = random.chance(0.4) ? `k${random.below(3)}` : undefined;
    const isDeduped = count === 1 && this.#targets.length === 1 && random.chance(0.1);
    const dedupId = isDeduped ? `d${random.below(30)}` : undefined;
    const messages = Array.from({ length: count }, () =>
      ledger.send({
        publisher: this.identity,
        number: this.#nextNumber++,
        targets: this.#targets,
        key,
        dedupId,
        notBefore: delayMs === undefined ? 0 : time.now + delayMs,
      }));
    counts.published += count;
    const batch = { sequence, messages, delayMs };
    this.#unheard.push(batch);
    this.#transmit(batch);
  }

  protected override open(connection: ClusterConnection<EnginePublisher>): EnginePublisher {
    const sink = new ClusterPublisherSink(this, connection);
    const init = { identity: this.identity, bind: bindOf(this.#bind) };
    return connection.life.engine.openPublisher(init, sink);
  }

  protected override connected(): void {
    for (const batch of this.#unheard) this.#transmit(batch);
  }

  protected override lose(_: ClusterConnection<EnginePublisher>, port: EnginePublisher): void {
    port.lose();
  }

  #transmit({ sequence, messages, delayMs }: SentBatch): void {
    const batch = encodeBatch(messages.map(({ label, key, dedupId }) => {
      const body = new TextEncoder().encode(label.padEnd(label.length + sequence % 40, "."));
      return { kind: 1, headers: {}, body, wishes: { key, dedupId, delayMs } };
    }));
    const settled = this.#unheard[0]?.sequence ?? sequence;
    const flags = findFlags(batch);
    this.send((port) => {
      port.publish({ ...batch, flags, sequence, settled, bytes: batch.end });
      batch.buffer.fill(0xee);
    });
  }

  /** The broker tells an outcome, to whomever it is connected with. */
  tell(
    connection: ClusterConnection<EnginePublisher>,
    number: BatchNumber,
    outcome: Outcome,
  ): void {
    const { ledger, counts } = this.parts;
    const { sequence, count } = number;
    if (typeof outcome !== "string") {
      connection.life.checkLead(`confirms ${this.identity}#${sequence}`);
    }
    const messages = Array.from(
      { length: count },
      (_, index) => ledger.find(`${this.identity}#${sequence + index}`)!,
    );
    if (typeof outcome === "string") {
      // Until it hears that nothing is stored it sends the batch again when it is connected anew.
      this.receive(connection, () => {
        for (const message of messages) ledger.refuse(message, outcome);
        counts.refused += count;
        this.#hear(sequence);
      });
      return;
    }
    for (const [index, message] of messages.entries()) {
      const ids = outcome.stored.map(({ stream, firstId }): [string, number] => {
        return [stream, firstId + index];
      });
      ledger.confirm(message, new Map(ids), outcome.hasSameId);
    }
    if (connection !== this.connection) return;
    counts.confirmed += count;
    if (outcome.isDuplicate) counts.duplicates += count;
    this.receive(connection, () => this.#hear(sequence));
  }

  #hear(sequence: number): void {
    this.#unheard = this.#unheard.filter((batch) => batch.sequence !== sequence);
  }
}

/** What became of a batch: a code if it was refused. */
type Outcome = string | {
  readonly stored: readonly StoredIn[];
  readonly isDuplicate: boolean;
  readonly hasSameId: boolean;
};

class ClusterPublisherSink implements PublisherSink {
  readonly #publisher: ClusterPublisher;
  readonly #connection: ClusterConnection<EnginePublisher>;

  constructor(publisher: ClusterPublisher, connection: ClusterConnection<EnginePublisher>) {
    this.#publisher = publisher;
    this.#connection = connection;
  }

  confirm(
    batch: BatchNumber,
    stored: readonly StoredIn[],
    isDuplicate: boolean,
    hasSameId: boolean,
  ): void {
    const outcome = { stored, isDuplicate, hasSameId };
    this.#publisher.tell(this.#connection, batch, outcome);
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    this.#publisher.tell(this.#connection, batch, error.code);
  }

  end(): void {}
}

/** A message that a follower holds. */
export interface Held extends Seen {
  readonly tag: number;
}

/** A follower. */
export class ClusterFollower extends NetworkClient<EngineFollower, BrokerLife, WorldParts> {
  readonly name: string;
  readonly #bind: TestBind;
  readonly #credit: number;
  #held: Held[] = [];

  constructor(parts: WorldParts, name: string, bind: TestBind, credit: number) {
    super(parts);
    this.name = name;
    this.#bind = bind;
    this.#credit = credit;
  }

  /** Does something with what it has. */
  work(): void {
    if (this.#held.length === 0 || this.isStopped) return;
    const { random } = this.parts;
    const [held] = this.#held.splice(random.below(this.#held.length), 1);
    const what = random.below(20);
    if (what < 9) this.#ack(held!, true);
    else if (what < 16) this.#ack(held!, false);
    else if (what < 18) this.#giveBack(held!, (port, range) => port.release([range]));
    else {
      const delayMs = random.below(1500);
      this.#giveBack(held!, (port, range) => {
        port.nack([range], { delayMs, reason: "no" }, false);
      });
    }
  }

  /** Acknowledges all that it has. */
  finish(): void {
    for (const held of this.#held.splice(0)) this.#ack(held, true);
  }

  protected override open(connection: ClusterConnection<EngineFollower>): EngineFollower {
    const sink = new SimulatedFollowerSink(this, connection);
    const credit = { messages: this.#credit, bytes: 100_000 };
    const init = { name: this.name, bind: bindOf(this.#bind), ...credit };
    return connection.life.engine.openFollower(init, sink);
  }

  protected override connected(): void {
    this.#held = [];
  }

  protected override lose({ life }: ClusterConnection<EngineFollower>, port: EngineFollower): void {
    life.forget(this);
    port.close();
  }

  #ack(held: Held, isConfirmed: boolean): void {
    const { ledger, counts } = this.parts;
    ledger.noteAck(held, 1);
    this.send((port, life) => {
      life.done(this, held);
      const confirm = () => {
        life.checkLead(`confirms that ${held.label} is acknowledged`);
        counts.acknowledged++;
        ledger.confirmAck(held);
      };
      try {
        const durable = port.ack([{ firstTag: held.tag, count: 1 }], isConfirmed);
        if (!isConfirmed) return;
        if (durable === undefined) confirm();
        else durable.then(confirm, (error) => this.#forgive(error, held));
      } catch (error) {
        this.#forgive(error, held);
      }
    });
  }

  /** What was taken back before is not acknowledged. */
  #forgive(error: unknown, held: Held): void {
    if (!(error instanceof BrokerError) || error.code !== "STALE_DELIVERY") throw error;
    this.parts.ledger.noteAck(held, -1);
  }

  #giveBack(held: Held, give: (port: EngineFollower, range: TagRange) => void): void {
    this.send((port, life) => {
      life.done(this, held);
      try {
        give(port, { firstTag: held.tag, count: 1 });
      } catch (error) {
        if (!(error instanceof BrokerError) || error.code !== "STALE_DELIVERY") throw error;
      }
    });
  }

  /** The broker hands messages out, on some connection. */
  take(connection: ClusterConnection<EngineFollower>, delivery: Delivery): void {
    const { ledger, counts, hasTrueClocks } = this.parts;
    const { life } = connection;
    const { stream, firstId, firstTag, batch } = delivery;
    life.checkLead(`delivers ${stream}:${firstId}`);
    const times = delivery.storedAt.flatMap(({ count, at }) => new Array<number>(count).fill(at));
    for (const [index, text] of textsOf(batch).entries()) {
      const label = text.replace(/\.+$/, "");
      const id = firstId + index;
      const held: Held = {
        stream,
        id,
        label,
        storedAt: hasTrueClocks ? times[index]! : 0,
        tag: firstTag + index,
      };
      const message = ledger.deliver(held);
      counts.delivered++;
      if (message === undefined) continue;
      life.hold(this, held, message.key);
      life.checkDelay(held, message.notBefore);
      this.receive(connection, () => this.#held.push(held));
    }
  }

  /** The broker takes deliveries back. */
  revoke(connection: ClusterConnection<EngineFollower>, ranges: readonly TagRange[]): void {
    for (const { firstTag, count } of ranges) {
      const isTaken = ({ tag }: Held) => tag >= firstTag && tag < firstTag + count;
      connection.life.forget(this, isTaken);
      this.receive(connection, () => this.#held = this.#held.filter((held) => !isTaken(held)));
    }
  }
}
