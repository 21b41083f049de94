/**
 * Brokers for tests: real ones on a port of this machine, and the client of one that behaves well
 * while others do not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { setImmediate } from "node:timers";
import { connect, type Connection, type Follower, type Publisher } from "../../../client.ts";
import {
  type BrokerServer,
  type PartialSettings,
  serve,
  type ServeOptions,
} from "../../../server.ts";
import { hurry } from "./pace.ts";

hurry();

/** Nothing in a test that passes waits for so long, in milliseconds. */
const PATIENCE_MS = 20_000;

/** After so many turns {@linkcode until} looks every few milliseconds. */
const TURNS_WITHOUT_PAUSE = 100;
const PAUSE_MS = 2;

/**
 * Starts a broker on a free port that keeps everything in memory, so that it leaves no files and
 * shares no directory with another one; it logs nothing but faults. Its connections wait for no
 * handler when they are closed, unless told: tests leave messages in hand that nobody works on.
 */
export async function startBroker(options: ServeOptions = {}): Promise<BrokerServer> {
  const storage = { engine: "memory", ...options.storage } as const;
  const patient = { handshakeTimeoutMs: PATIENCE_MS, logLevel: "error" } as const;
  const broker = await serve({ port: 0, ...patient, ...options, storage });
  const connect = broker.connect.bind(broker);
  broker.connect = (options) => connect({ drainMs: 0, ...options });
  return broker;
}

/** Lets the event loop turn once: timers that are due, and what has come in. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Leaves the processor to others for a moment. */
function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
}

/** Lets so many turns pass that whatever could go on would have gone on. */
export async function passTurns(): Promise<void> {
  for (let count = 0; count < 200; count++) await turn();
}

/**
 * Lets the event loop turn until something is true. What takes long, such as the time of a limit, is
 * looked for less often: the processor belongs to those who are waited for.
 */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let turns = 0; !await isTrue(); turns++) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`);
    if (turns < TURNS_WITHOUT_PAUSE) await turn();
    else await pause();
  }
}

/** Waits until nobody but a {@linkcode WellBehavedPair} is connected. */
export async function expectOnlyPair(broker: BrokerServer): Promise<void> {
  await until("only the pair is connected", () => broker.connectionCount === 2);
}

/** The stream that well-behaved clients use. */
const PAIR_STREAM = "well-behaved";

/**
 * A publisher and a follower on connections of their own that send and take messages all the time,
 * and check that nobody disturbs them.
 */
export class WellBehavedPair implements AsyncDisposable {
  readonly #connections: readonly Connection[];
  readonly #publisher: Publisher;
  readonly #follower: Follower;
  readonly #following: Promise<void>;
  readonly #arrived: string[] = [];
  #sentCount = 0;
  #isStopping = false;
  #publishing: Promise<void> = Promise.resolve();
  /** Calls that wait until so many have arrived. */
  #awaited: { readonly count: number; readonly reached: () => void }[] = [];

  private constructor(connections: readonly [Connection, Connection]) {
    this.#connections = connections;
    this.#publisher = connections[0].publisher(PAIR_STREAM);
    this.#follower = connections[1].follower(PAIR_STREAM);
    this.#following = this.#follow();
  }

  /** Connects a pair to a broker and lets it begin. */
  static async start(port: number): Promise<WellBehavedPair> {
    const connections: [Connection, Connection] = [
      await connect({ port, name: "well-behaved publisher" }),
      await connect({ port, name: "well-behaved follower" }),
    ];
    await connections[0].cursor().createStream(PAIR_STREAM);
    const pair = new WellBehavedPair(connections);
    await pair.exchange();
    pair.#publishing = pair.#publishAll();
    return pair;
  }

  /** Sends a message; resolves when it has been confirmed, and has arrived. */
  async exchange(): Promise<void> {
    const count = ++this.#sentCount;
    const receipt = await deadline(this.#publisher.sendMessage(`message ${count}`), PATIENCE_MS);
    assertEquals(receipt, { streams: [{ stream: PAIR_STREAM, id: count }], duplicate: false });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.push({ count, reached: resolve });
    this.#wake();
    await deadline(promise, PATIENCE_MS);
  }

  /** Ends both; all that was sent must have arrived exactly once, in order. */
  async finish(): Promise<void> {
    this.#isStopping = true;
    await this.#publishing;
    await this.exchange();
    await this.#follower.close();
    await this.#following;
    const sent = Array.from({ length: this.#sentCount }, (_, index) => `message ${index + 1}`);
    assertEquals(this.#arrived, sent);
    const { ready, pending } = await this.#connections[0]!.cursor().getStream(PAIR_STREAM);
    assertEquals({ ready, pending }, { ready: 0, pending: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#publishing.catch(() => {});
    for (const connection of this.#connections) await connection.close();
    await this.#following;
  }

  async #publishAll(): Promise<void> {
    while (!this.#isStopping) {
      await this.exchange();
      // The processor belongs to those whom it watches.
      await pause();
    }
  }

  async #follow(): Promise<void> {
    for await (const message of this.#follower.getMessages()) {
      this.#arrived.push(message.attempts === 1 ? String(message.body) : "came twice");
      await message.ack({ confirm: true });
      this.#wake();
    }
  }

  #wake(): void {
    const isReached = ({ count }: { readonly count: number }) => this.#arrived.length >= count;
    const reached = this.#awaited.filter(isReached);
    this.#awaited = this.#awaited.filter((one) => !isReached(one));
    for (const one of reached) one.reached();
  }
}

/** Runs a test with a broker on which a well-behaved pair is at work, during the test and after. */
export async function withPair(
  settings: PartialSettings,
  test: (broker: BrokerServer) => Promise<void>,
): Promise<void> {
  await using broker = await startBroker(settings);
  await using pair = await WellBehavedPair.start(broker.port);
  await test(broker);
  await pair.finish();
}
