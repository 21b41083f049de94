/**
 * Publishers under random calls: sent, asked, flushed, closed, given up and cut off, in any order. Every
 * promise settles, nothing is stored twice, what failed for good is not stored, and the connection
 * works to the end.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  connect,
  type Connection,
  type Cursor,
  type Publisher,
} from "@simplemq/simplemq";
import { startBroker, turn } from "../../support/broker/broker.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { Proxy } from "../../support/wire/proxy.ts";
import { Random } from "../../support/random.ts";
import { withRandom } from "../support.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 10_000;

const STEPS = 60;
const PUBLISHERS = 3;

/** A call, and which messages it was about. */
interface Call {
  readonly what: string;
  readonly bodies: readonly string[];
  readonly settled: Promise<PromiseSettledResult<unknown>>;
  result?: PromiseSettledResult<unknown>;
}

/** One run: publishers on a connection behind a proxy, and who makes room on another connection. */
class RandomRun {
  readonly random: Random;
  readonly calls: Call[] = [];
  readonly #proxy: Proxy;
  readonly #connection: Connection;
  readonly #cursor: Cursor;
  readonly #publishers: Publisher[];
  readonly #controllers: AbortController[] = [];
  readonly #purged: string[] = [];
  #bodyCount = 0;

  constructor(seed: number, proxy: Proxy, connection: Connection, direct: Connection) {
    this.random = new Random(seed);
    this.#proxy = proxy;
    this.#connection = connection;
    this.#cursor = direct.cursor();
    this.#publishers = Array.from({ length: PUBLISHERS }, () => this.#open());
  }

  /** Does one thing. */
  async step(): Promise<void> {
    const steps: readonly [weight: number, act: () => unknown][] = [
      [24, () => this.#send()],
      [6, () => this.#sendMany()],
      [3, () => this.#ask()],
      [4, () => this.#note("flush", [], this.#publisher.flush(this.#signal()))],
      [4, () => this.#close()],
      [5, () => this.#abort()],
      [3, () => this.#proxy.cut()],
      [2, () => this.#stall()],
      [4, () => this.#makeRoom()],
      [2, () => this.#cursor.pauseStream("small")],
      [2, () => this.#cursor.resumeStream("small")],
      [14, () => turn()],
    ];
    let left = this.random.below(steps.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, act] of steps) {
      left -= weight;
      if (left < 0) return void await act();
    }
  }

  /** Ends everything, and checks what became of it. */
  async finish(): Promise<void> {
    if (this.#proxy.isStalled) this.#stall();
    const last = this.#connection.publisher("wide").sendMessage("the last one");
    await deadline(last, PATIENCE_MS);
    for (const publisher of this.#publishers) {
      this.#note("close", [], publisher.close({ drainMs: 20 }));
    }
    for (const call of this.calls) call.result = await deadline(call.settled, PATIENCE_MS);
    await this.#check();
  }

  get #publisher(): Publisher {
    return this.random.pick(this.#publishers);
  }

  #open(): Publisher {
    const { random } = this;
    const bind = random.pick(["wide", "small", /^(wide|small)$/, "nowhere"] as const);
    return this.#connection.publisher(bind, {
      whenFull: random.pick(["wait", "error"] as const),
      maxUnconfirmed: random.pick([1, 5, 1000]),
      ...random.chance(0.2) && { timeoutMs: 1 + random.below(30) },
    });
  }

  /** A signal that is aborted at some time, or nothing. */
  #signal(): { signal?: AbortSignal } {
    if (this.random.chance(0.6)) return {};
    const controller = new AbortController();
    if (this.random.chance(0.1)) controller.abort(new Error("given up"));
    this.#controllers.push(controller);
    return { signal: controller.signal };
  }

  #body(): string {
    return `message ${++this.#bodyCount} ${"x".repeat(this.random.pick([0, 100, 70_000]))}`;
  }

  #send(): void {
    const { random } = this;
    const body = this.#body();
    const call = this.#publisher.sendMessage(body, {
      ...this.#signal(),
      ...random.chance(0.2) && { dedupId: body.slice(0, 20) },
      ...random.chance(0.2) && { key: "a key" },
      ...random.chance(0.1) && { timeoutMs: 1 + random.below(20) },
    });
    this.#note("sendMessage", [body], call);
  }

  #sendMany(): void {
    const bodies = Array.from({ length: this.random.pick([0, 1, 3, 20]) }, () => this.#body());
    const call = this.#publisher.sendMessages(bodies, this.#signal());
    this.#note("sendMessages", bodies, call);
  }

  #ask(): void {
    const body = this.#body();
    const options = { timeoutMs: 1 + this.random.below(50), ...this.#signal() };
    this.#note("request", [body], this.#publisher.request(body, options));
  }

  /** Closes a publisher, and opens another one in its place; somebody may still use the old one. */
  #close(): void {
    const index = this.random.below(PUBLISHERS);
    const publisher = this.#publishers[index]!;
    const times = this.random.chance(0.3) ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const options = { ...this.#signal(), drainMs: this.random.pick([0, 5, 50]) };
      this.#note("close", [], publisher.close(options));
    }
    const late = this.#body();
    this.#note("late", [late], publisher.sendMessage(late));
    this.#note("late", [], publisher.flush());
    this.#publishers[index] = this.#open();
  }

  #abort(): void {
    if (this.#controllers.length > 0) {
      this.random.pick(this.#controllers).abort(new Error("enough"));
    }
  }

  /** Swallows what the broker says, or lets it through again, after what was lost is known to be. */
  #stall(): void {
    this.#proxy.isStalled = !this.#proxy.isStalled;
    if (!this.#proxy.isStalled) this.#proxy.cut();
  }

  async #makeRoom(): Promise<void> {
    await this.#cursor.pauseStream("small");
    this.#purged.push(...await this.#peek("small"));
    await this.#cursor.purgeStream("small");
  }

  async #peek(stream: string): Promise<string[]> {
    const bodies: string[] = [];
    for (let from = 1;;) {
      const messages = await this.#cursor.peek<string>(stream, { from, limit: 1000 });
      if (messages.length === 0) return bodies;
      bodies.push(...messages.map(({ body }) => body));
      from = messages.at(-1)!.id + 1;
    }
  }

  #note(what: string, bodies: readonly string[], call: Promise<unknown>): void {
    this.calls.push({ what, bodies, settled: Promise.allSettled([call]).then(([one]) => one!) });
  }

  async #check(): Promise<void> {
    const wide = await this.#peek("wide");
    const small = [...this.#purged, ...await this.#peek("small")];
    for (const stored of [wide, small]) {
      assertEquals(new Set(stored).size, stored.length, "nothing is stored twice");
    }
    const all = new Set([...wide, ...small]);
    for (const { what, bodies, result } of this.calls) {
      const isStored = (body: string) => all.has(body);
      const names = `${what} of ${bodies.map((body) => body.slice(0, 15))}`;
      if (result?.status === "fulfilled" && what.startsWith("send")) {
        const { streams } = result.value as { streams: readonly { stream: string }[] };
        // What was stored in `small` and purged between two looks is not known here.
        const isKnown = streams.some(({ stream }) => stream === "wide");
        if (isKnown) assert(bodies.every(isStored), `${names} is stored`);
      }
      if (result?.status !== "rejected") continue;
      if (what === "late" || isForGood(result.reason) && bodies.length === 1) {
        assert(!bodies.some(isStored), `${names} is not stored: ${result.reason}`);
      }
    }
    const { value } = await this.#connection.status().next();
    assertEquals(value?.type, "connected");
  }
}

/** Whether an error says that nothing is stored. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof BrokerError)) return error instanceof TypeError;
  const codes: readonly string[] = ["STREAM_FULL", "STREAM_NOT_FOUND", "PUBLISHER_CLOSED"];
  return codes.includes(error.code) ||
    error.code === "PUBLISH_TIMEOUT" && error.message.endsWith("it is not sent any more");
}

async function run(seed: number): Promise<void> {
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using direct = await connect({ port: broker.port });
  await direct.cursor().createStream("wide");
  await direct.cursor().createStream("small", { maxMessages: 7 });
  await using connection = await connect({ hostname: "127.0.0.1", port: proxy.port });
  const random = new RandomRun(seed, proxy, connection, direct);
  for (let step = 0; step < STEPS; step++) await random.step();
  await random.finish();
  await deadline(connection.close({ drainMs: 0 }), PATIENCE_MS);
}

Deno.test("whatever happens to publishers, every promise settles and nothing is stored twice", async () => {
  const { seed, numRuns } = fuzz(12);
  await withRandom(0, async () => {
    for (let index = 0; index < numRuns; index++) {
      try {
        await run(seed + index);
      } catch (cause) {
        throw new Error(`With FUZZ_SEED=${seed + index}: ${cause}`, { cause });
      }
    }
  });
});
