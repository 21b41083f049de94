import { BrokerError } from "../../../protocol.ts";
import type { LocalEngine } from "../../../src/engine/local_engine.ts";
import type { LaneWish } from "./promises/lane_book.ts";
import { type Connection, NetworkClient } from "./network_client.ts";
import type { WorkCopy } from "./promises/work_copy.ts";
import type { WorkLife, WorkParts } from "./work_parts.ts";

/** Sets lanes, cancels messages, closes breakers. */
export class WorkCursor extends NetworkClient<LocalEngine, WorkLife, WorkParts> {
  /** Does something. */
  act(): void {
    const { random } = this.parts;
    if (this.isClosing || this.life === undefined) return;
    const what = random.below(10);
    if (what < 3) this.#setLane();
    else if (what < 7) this.#cancelOne();
    else if (what < 9) this.#cancelMany();
    else this.#resume();
  }

  /** Sets all lanes back: nothing is paused any more. */
  clear(): void {
    for (const { name, lanes } of this.parts.streams) {
      for (let lane = 0; lane < lanes; lane++) this.#set(name, `L${lane}`, null);
    }
  }

  protected override open({ life }: Connection<LocalEngine, WorkLife>): LocalEngine {
    return life.engine;
  }

  protected override lose(): void {}

  /** A broker that may not answer keeps a cursor waiting: it may have let go, and another one may have decided more. */
  protected override send(action: (engine: LocalEngine, life: WorkLife) => void): void {
    super.send((engine, life) => this.#ask(engine, () => action(engine, life)));
  }

  #ask(engine: LocalEngine, ask: () => void): void {
    const { cluster } = engine;
    if (cluster === undefined || cluster.isServing) return ask();
    cluster.whenServing().then(() => this.#ask(engine, ask), (error) => this.#forgive(error));
  }

  #setLane(): void {
    const { random, streams } = this.parts;
    const { name, lanes } = random.pick(streams.filter((one) => one.lanes > 0));
    const wish = random.chance(0.2) ? null : {
      maxPending: random.chance(0.3) ? null : 1 + random.below(4),
      isPaused: random.chance(0.2),
    };
    this.#set(name, `L${random.below(lanes)}`, wish);
  }

  #set(stream: string, lane: string, wish: LaneWish): void {
    this.send((engine, life) => {
      const { ledger, counts, tell } = this.parts;
      ledger.watch(this.parts, life);
      const done = engine.lanes.set(stream, lane, wish);
      const change = ledger.lanes.set(`${stream} ${lane}`, wish, life);
      tell(`${life.name}: ${stream} ${lane} is set to ${JSON.stringify(wish)}`);
      done.then(() => {
        if (!life.isHeard(`confirms that ${lane} of ${stream} is set`)) return;
        counts.lanesSet++;
        change.confirm();
      }, (error) => this.#forgive(error));
    });
  }

  #cancelOne(): void {
    const { random, ledger } = this.parts;
    const known = [...ledger.copies].filter(({ id, goneFor }) => {
      return id !== undefined && goneFor === undefined;
    });
    if (known.length === 0) return;
    const copy = random.chance(0.5) ? random.pick(known) : random.pick(known.slice(-5));
    const isDeadLetter = random.chance(0.2);
    this.send((engine, life) => {
      const { tell, counts, time } = this.parts;
      ledger.watch(this.parts, life);
      const done = engine.cancelMessage(copy.stream.name, copy.id!, { isDeadLetter });
      tell(`${life.name}: ${copy} is cancelled`);
      this.#noteCancel(copy, life, isDeadLetter);
      done.then(({ was }) => {
        if (!life.isHeard(`confirms that ${copy} is cancelled`)) return;
        tell(`${life.name}: ${copy} was ${was}`);
        counts.cancelled++;
        copy.noteEnd(life, -1);
        if (was === "gone") {
          // One with a coalesce id may have given way to another one.
          if (copy.mustBeThere && copy.coalesce === undefined) {
            ledger.report(`${life.name}: ${copy} is gone when it is cancelled`);
          }
          copy.noteEnd(life, 1);
          return;
        }
        copy.deadWish = isDeadLetter ? "confirmed" : "none";
        copy.end(`cancelled, was ${was}`, time.now);
      }, (error) => this.#forgive(error));
    });
  }

  /** It may be gone, and is for this process, unless it was gone before. */
  #noteCancel(copy: WorkCopy, life: WorkLife, isDeadLetter: boolean): void {
    copy.noteEnd(life, 1);
    copy.endedIn.add(life);
    if (isDeadLetter && copy.deadWish === "none") copy.deadWish = "asked";
  }

  /** Cancels all of a lane or a key, step by step. */
  #cancelMany(): void {
    const { random, ledger, streams } = this.parts;
    const stream = random.pick(streams.filter(({ lanes, keys }) => lanes + keys > 0));
    const isLane = stream.lanes > 0 && (stream.keys === 0 || random.chance(0.5));
    const name = isLane ? `L${random.below(stream.lanes)}` : `k${random.below(stream.keys)}`;
    const selection = isLane ? { lane: name } : { key: name };
    this.send((engine, life) => {
      const { time } = this.parts;
      ledger.watch(this.parts, life);
      const copies = [...ledger.copies].filter((copy) => {
        const isChosen = copy.stream === stream && (isLane ? copy.lane : copy.key) === name;
        return isChosen && copy.goneFor === undefined;
      });
      // What is about to be stored, or to be a dead letter, may be found, or not.
      const stored = copies.filter(({ outcome, id, mayBeDead }) => {
        return outcome === "stored" && id !== undefined && !mayBeDead;
      });
      const done = engine.cancelMessages(stream.name, selection);
      this.parts.tell(`${life.name}: all of ${name} in ${stream.name} are cancelled`);
      for (const copy of copies) copy.noteEnd(life, 1);
      for (const copy of stored) this.#noteCancel(copy, life, false);
      done.then(({ next }) => {
        if (!life.isHeard(`confirms that ${name} of ${stream.name} is cancelled`)) return;
        if (next !== undefined) ledger.report("some messages are too many for one step");
        this.parts.counts.cancelled += stored.length;
        for (const copy of stored) copy.end("cancelled with others", time.now);
      }, (error) => this.#forgive(error));
    });
  }

  #resume(): void {
    const { random, ledger, streams } = this.parts;
    const { name } = random.pick(streams.filter(({ hasOutages }) => hasOutages));
    this.send((engine, life) => {
      ledger.breakers.look(this.parts, life);
      engine.pauseStream(name, false).catch((error) => this.#forgive(error));
      ledger.breakers.look(this.parts, life);
    });
  }

  /** A log without room refuses, and so does a broker that has lost the lead. */
  #forgive(error: unknown): void {
    const isKnown = error instanceof BrokerError &&
      ["DISK_FULL", "NOT_ACTIVE"].includes(error.code);
    if (isKnown) return;
    this.parts.ledger.report(`a cursor is refused: ${(error as Error).stack}`);
  }
}
