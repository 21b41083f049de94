import type { Delivery, EngineFollower, NackDetails } from "../../../src/broker/engine.ts";
import { BrokerError, type TagRange } from "../../../protocol.ts";
import { bindOf, type TestBind } from "../broker/test_broker.ts";
import { type Connection, NetworkClient } from "./network_client.ts";
import { readSeen } from "./seen_messages.ts";
import type { WorkCopy } from "./promises/work_copy.ts";
import type { WorkLife, WorkParts } from "./work_parts.ts";
import { SimulatedFollowerSink } from "./follower_sink.ts";

/** How a follower works. */
export interface WorkHabits {
  readonly name: string;
  readonly bind: TestBind;
  readonly ordersKeys: boolean;
  readonly messages: number;
  readonly slots: number;
  /** Whether it acknowledges whatever it gets, as soon as it can. */
  readonly isDraining?: boolean;
}

/** A message that a follower has. */
interface Held {
  readonly copy: WorkCopy;
  readonly tag: number;
}

/** A follower with several handlers, who fail, put messages off and acknowledge them. */
export class WorkFollower extends NetworkClient<EngineFollower, WorkLife, WorkParts> {
  readonly habits: WorkHabits;
  #fetched: Held[] = [];
  #inHand: Held[] = [];
  /** Of what something goes back: until the broker knows, all that comes of it is taken back, too. */
  readonly #barred = new Map<string, number>();

  constructor(parts: WorkParts, habits: WorkHabits) {
    super(parts);
    this.habits = habits;
  }

  /** One of the handlers does something. */
  work(): void {
    if (this.isStopped || this.life === undefined) return;
    const { random } = this.parts;
    if (this.habits.isDraining) {
      while (this.#handOut());
      for (const held of this.#inHand.splice(0)) this.#ack(held, true);
      return;
    }
    if (random.chance(0.02)) return this.#giveBackFetched();
    if (random.chance(0.6) && this.#handOut()) return;
    if (this.#inHand.length === 0) return;
    const [held] = this.#inHand.splice(random.below(this.#inHand.length), 1);
    this.#end(held!);
  }

  /** Leaves its broker in an orderly way, and is there again soon. */
  leave(): void {
    const lastTag = Math.max(0, ...[...this.#inHand, ...this.#fetched].map(({ tag }) => tag));
    const { connection } = this;
    this.connection = undefined;
    connection?.life.request(() => {
      const { port, life } = connection;
      connection.port = undefined;
      if (port === undefined) return;
      this.#act(life, (watch) => {
        for (const { copy, tag } of watch.listOf(this)) {
          const holding = watch.leave(this, copy, true)!;
          if (tag <= lastTag || holding.isBegun) this.#pay(copy, life);
        }
        port.close(lastTag);
      });
    });
  }

  protected override open(connection: Connection<EngineFollower, WorkLife>): EngineFollower {
    const { name, bind, ordersKeys, messages, slots } = this.habits;
    const sink = new SimulatedFollowerSink(this, connection);
    const init = { name, bind: bindOf(bind), messages, bytes: 1_000_000, slots, ordersKeys };
    return connection.life.engine.openFollower({ ...init, reportsBegin: true }, sink);
  }

  protected override connected(): void {
    this.#barred.clear();
    this.#fetched = [];
    this.#inHand = [];
  }

  protected override lose(
    { life }: Connection<EngineFollower, WorkLife>,
    port: EngineFollower,
  ): void {
    this.#act(life, (watch) => {
      for (const [index, { copy }] of watch.listOf(this).entries()) {
        const holding = watch.leave(this, copy, true)!;
        if (index === 0 || holding.isBegun) this.#pay(copy, life);
      }
      port.close();
    });
  }

  #pay(copy: WorkCopy, life: WorkLife): void {
    copy.paid++;
    copy.begunIn.delete(life);
  }

  /** Gives a free handler the first message whose key no other has; returns whether there was one. */
  #handOut(): boolean {
    if (this.#inHand.length >= this.habits.slots) return false;
    const index = this.#fetched.findIndex(({ copy }) =>
      copy.exclusive === undefined ||
      !(this.#barred.get(`${copy.stream.name} ${copy.exclusive}`)! > 0) &&
        !this.#inHand.some((other) => {
          return other.copy.stream === copy.stream && other.copy.exclusive === copy.exclusive;
        })
    );
    if (index < 0) return false;
    const [held] = this.#fetched.splice(index, 1);
    this.#inHand.push(held!);
    const { copy } = held!;
    this.#tell(held!, (port, range, life) => {
      const { ledger } = this.parts;
      const isHeld = ledger.watch(this.parts, life).begin(this, copy);
      port.begin([range]);
      if (!isHeld) return;
      copy.begunIn.add(life);
      copy.beginCount++;
      if (life.leads) ledger.order.begin(copy, life);
    });
    return true;
  }

  #end(held: Held): void {
    const { random } = this.parts;
    const { stream } = held.copy;
    const isConfirmed = random.chance(0.4);
    const delayMs = random.chance(0.5) ? random.below(1500) : undefined;
    if (stream.isDown && random.chance(0.9)) {
      return this.#giveBack(held, { reason: "down", isFault: true, delayMs }, isConfirmed);
    }
    const what = random.below(20);
    if (what < 13) this.#ack(held, isConfirmed);
    else if (what < 16) {
      const postponed = { isPostponed: true, holdsLane: random.chance(0.2) };
      const details = { reason: "later", delayMs: random.below(1500), ...postponed };
      this.#giveBack(held, details, isConfirmed);
    } else if (what < 19 && !stream.hasOutages) {
      this.#giveBack(held, { reason: "no", delayMs }, isConfirmed);
    } else if (what < 19 || random.chance(0.5)) this.#ack(held, isConfirmed);
    else this.#reject(held, isConfirmed);
  }

  #ack(held: Held, isConfirmed: boolean): void {
    const { counts } = this.parts;
    this.#finish(held, "acknowledged", (port, range, confirm) => {
      const durable = port.ack([range], isConfirmed);
      if (!isConfirmed) return;
      if (durable === undefined) confirm();
      else durable.then(confirm, () => {});
      counts.acknowledged++;
    });
  }

  #reject(held: Held, isConfirmed: boolean): void {
    held.copy.deadWish = "asked";
    this.#finish(held, "rejected", (port, range, confirm) => {
      const durable = port.reject([range], "bad", isConfirmed);
      if (durable !== undefined) durable.then(confirm, () => {});
    });
  }

  #finish(
    held: Held,
    how: "acknowledged" | "rejected",
    end: (port: EngineFollower, range: TagRange, confirm: () => void) => void,
  ): void {
    const { copy } = held;
    const { life } = this;
    copy.noteEnd(life!, 1);
    this.#tell(held, (port, range, life) => {
      const { ledger, time } = this.parts;
      const confirm = () => {
        if (!life.isHeard(`confirms that ${copy} is ${how}`)) return;
        if (how === "acknowledged") copy.end(how, time.now);
        else copy.deadWish = "confirmed";
      };
      try {
        end(port, range, confirm);
      } catch (error) {
        copy.noteEnd(life, -1);
        throw error;
      }
      copy.endedIn.add(life);
      this.parts.tell(`${life.name}: ${copy} is ${how}`);
      ledger.watch(this.parts, life).leave(this, copy);
    });
  }

  #giveBack(held: Held, details: NackDetails, isConfirmed: boolean): void {
    const { copy } = held;
    const { isPostponed = false, delayMs } = details;
    this.#bar(copy);
    this.#tell(held, (port, range, life) => {
      const { ledger, time: { now }, counts } = this.parts;
      const durable = port.nack([range], details, isConfirmed);
      const isFree = isPostponed || ledger.breakers.isOpen(life, copy);
      ledger.watch(this.parts, life).leave(this, copy);
      const how = isPostponed ? "is put off" : isFree ? "fails, at no cost" : "fails";
      const told = isConfirmed ? ", to be confirmed" : "";
      this.parts.tell(`${life.name}: ${copy} ${how}, for ${delayMs} ms${told}`);
      if (isPostponed) counts.postponed++;
      else counts.failed++;
      if (!isFree) this.#pay(copy, life);
      if (delayMs !== undefined) copy.heldBack = { life, until: now + delayMs };
      const { beginCount } = copy;
      if (!isConfirmed) return;
      const confirm = () => {
        if (!life.isHeard(`confirms that ${copy} has failed`)) return;
        this.parts.tell(`${life.name}: that is confirmed of ${copy}`);
        if (copy.beginCount !== beginCount) return;
        copy.begunIn.delete(life);
        if (delayMs !== undefined) copy.notBefore = Math.max(copy.notBefore, now + delayMs);
      };
      if (durable === undefined) confirm();
      else durable.then(confirm, () => {});
    });
  }

  /** A message goes back: what was fetched behind it is not handed out before it has come again. */
  #bar({ stream, exclusive }: WorkCopy): void {
    const { connection } = this;
    if (exclusive === undefined || connection === undefined) return;
    const place = `${stream.name} ${exclusive}`;
    this.#barred.set(place, 1 + (this.#barred.get(place) ?? 0));
    // The broker takes back the others itself.
    queueMicrotask(() =>
      connection.life.request(() =>
        this.receive(connection, () => this.#barred.set(place, this.#barred.get(place)! - 1))
      )
    );
  }

  /** It has no time for what it has fetched. */
  #giveBackFetched(): void {
    for (const held of this.#fetched.splice(0)) {
      this.#bar(held.copy);
      this.#tell(held, (port, range, life) => {
        port.release([range]);
        this.parts.ledger.watch(this.parts, life).leave(this, held.copy, true);
      });
    }
  }

  /** Tells the broker something of a message, if that is still this follower's there. */
  #tell(
    { tag, copy }: Held,
    action: (port: EngineFollower, range: TagRange, life: WorkLife) => void,
  ): void {
    this.send((port, life) => {
      this.#act(life, () => {
        try {
          action(port, { firstTag: tag, count: 1 }, life);
        } catch (error) {
          const isLate = error instanceof BrokerError && error.code === "STALE_DELIVERY";
          if (!isLate) this.parts.ledger.report(`${copy}: ${(error as Error).stack}`);
        }
      });
    });
  }

  #act(life: WorkLife, action: (watch: ReturnType<WorkParts["ledger"]["watch"]>) => void): void {
    const { ledger } = this.parts;
    const watch = ledger.watch(this.parts, life);
    ledger.breakers.look(this.parts, life);
    action(watch);
    ledger.breakers.look(this.parts, life);
  }

  /** The broker hands messages out, on some connection. */
  take(connection: Connection<EngineFollower, WorkLife>, delivery: Delivery): void {
    const { ledger, counts, time: { now }, tell } = this.parts;
    const { life } = connection;
    const { stream, firstId, firstTag, batch, attempts } = delivery;
    if (!life.isHeard(`delivers ${stream}:${firstId}`)) return;
    const watch = ledger.watch(this.parts, life);
    for (const [index, message] of readSeen(batch).entries()) {
      const seen = { ...message, stream, id: firstId + index, attempts };
      tell(
        `${life.name}: ${this.habits.name} gets ${seen.label} (${stream}:${seen.id}), ${attempts}`,
      );
      const copy = ledger.deliver(life, seen, now);
      counts.delivered++;
      if (copy === undefined) continue;
      const tag = firstTag + index;
      watch.hold(this, copy, { tag, lendsKeys: this.habits.ordersKeys });
      this.receive(connection, () => this.#fetched.push({ copy, tag }));
    }
  }

  /** The broker takes deliveries back. */
  revoke({ life }: Connection<EngineFollower, WorkLife>, ranges: readonly TagRange[]): void {
    const { connection } = this;
    for (const { firstTag, count } of ranges) {
      const isTaken = ({ tag }: { tag: number }) => tag >= firstTag && tag < firstTag + count;
      const watch = this.parts.ledger.watch(this.parts, life);
      for (const holding of watch.listOf(this)) {
        if (isTaken(holding)) watch.leave(this, holding.copy, true);
      }
      if (connection?.life !== life) continue;
      this.receive(connection, () => {
        this.#fetched = this.#fetched.filter((held) => !isTaken(held));
        this.#inHand = this.#inHand.filter((held) => !isTaken(held));
      });
    }
  }
}
