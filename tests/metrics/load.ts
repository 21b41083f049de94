/**
 * Work for a broker in which all happens that metrics tell of.
 *
 * @module
 */

import { connect, type ConnectOptions } from "../../client.ts";
import { delay } from "@std/async/delay";

/** The pause between two rounds, in milliseconds. */
const ROUND_MS = 50;

/** Publishes, follows, fails, delays and is refused until it is stopped. */
export class Load implements AsyncDisposable {
  readonly #stopping = new AbortController();
  readonly #working: Promise<void>;

  constructor(options: ConnectOptions) {
    this.#working = this.#work(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(options: ConnectOptions): Promise<void> {
    await using connection = await connect({ ...options, name: "load" });
    const cursor = connection.cursor();
    await cursor.createStream("orders", { backoffMs: [10] });
    await cursor.createStream("mails", { maxDeliveries: 1 });
    await cursor.createStream("small", { maxMessages: 1, overflow: "reject" });
    await cursor.createStream("alone");
    await cursor.createStream("paused");
    await cursor.putLimit("calls", { maxPending: 5 });
    await cursor.createStream("films", { laneLimits: { maxPending: 1 }, sharedLimit: "calls" });
    await cursor.pauseStream("paused");
    await cursor.createStream("broken", { breaker: { failures: 2, openMs: 3_600_000 } });
    await cursor.createStream("reports", { maxMessages: 1_000_000 });
    for (const [name, everyMs] of [["often", 1000], ["seldom", 3_600_000]] as const) {
      await cursor.putSchedule(name, { stream: "reports", body: name, everyMs, overlap: "allow" });
    }
    await cursor.putSchedule("once", { stream: "reports", body: "once", everyMs: 1000 });
    await cursor.pauseSchedule("seldom");
    const following = [
      this.#follow(connection.follower("orders"), "nack"),
      this.#follow(connection.follower("mails"), "reject"),
      this.#follow(connection.follower("broken"), "fault"),
    ];
    const orders = connection.publisher("orders");
    const mails = connection.publisher("mails");
    const broken = connection.publisher("broken");
    const films = connection.publisher("films");
    const small = connection.publisher("small");
    const alone = connection.publisher("alone");
    for (let round = 0; !this.#stopping.signal.aborted; round++) {
      await Promise.all([
        orders.sendMessages(Array.from({ length: 20 }, (_, index) => ({ round, index }))),
        orders.sendMessage("once", { dedupId: "always the same" }),
        orders.sendMessage("later", { delayMs: 60_000 }),
        orders.sendMessage("keyed", { key: "k" }),
        mails.sendMessage("mail"),
        broken.sendMessage("mail"),
        films.sendMessage("film", { lane: "acme" }),
        alone.sendMessage("short-lived", { ttlMs: 1 }),
        alone.sendMessage("waits"),
        small.sendMessage("no room").catch(() => {}),
      ]);
      await cursor.cancelAll("films", { lane: "acme" });
      await delay(ROUND_MS);
    }
    await connection.close();
    await Promise.all(following);
  }

  /** Ends most deliveries well, and some not. */
  async #follow(
    follower: ReturnType<Awaited<ReturnType<typeof connect>>["follower"]>,
    failure: "nack" | "reject" | "fault",
  ): Promise<void> {
    let count = 0;
    try {
      for await (const message of follower.getMessages()) {
        if (failure === "fault") await message.nack({ reason: "503", fault: "downstream" });
        else if (++count % 10 !== 0) await message.ack();
        else if (failure === "nack") await message.nack({ reason: "no answer" });
        else await message.reject("no such address");
      }
    } catch {
      // The connection is closed.
    }
  }
}
