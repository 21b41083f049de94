import { Account } from "../../harness/account.ts";
import { Child } from "../../harness/process/child.ts";
import { readSharedClock } from "../../harness/process/monotonic.ts";
import { Tail } from "../../harness/process/tail.ts";
import type { Host, Result, SteadyWork } from "../work.ts";
import type { Followed, Published, Side, SidePlan } from "./side.ts";

/** The program of either side. */
const PROGRAM = new URL("./side.ts", import.meta.url);

/** The first message is due so long after both sides are ready, in milliseconds: both must know when. */
const LEAD_MS = 200;

let streamCount = 0;

/**
 * Sends messages steadily from a process of their own to a follower in another one, and accounts for all.
 *
 * @throws {Error} If a side fails, or not everything is accounted for.
 */
export async function measureApart(
  host: Host,
  work: SteadyWork,
  { count, warmUpCount }: { readonly count: number; readonly warmUpCount: number },
): Promise<Result> {
  const stream = `bench-steady-${++streamCount}`;
  await using client = await host.open("publishing");
  await client.createStream(stream);
  const { clientUrl, port, config } = host;
  const plan = { clientUrl, port, stream, work, count, warmUpCount };
  await using following = await startSide({ ...plan, side: "following" }, config);
  await using publishing = await startSide({ ...plan, side: "publishing" }, config);
  const begin = String(readSharedClock() + LEAD_MS);
  await Promise.all([following.tell(begin), publishing.tell(begin)]);
  const [published, followed]: [Published, Followed] = await Promise.all([
    publishing.readResult<Published>(),
    following.readResult<Followed>(),
  ]);
  const account = new Account();
  account.send(count);
  account.confirm(published.confirmedCount);
  account.takeAll(followed.takenCount, followed.takenSum);
  account.check(await client.countLeft(stream), await client.countStored?.(stream));
  await client.deleteStream(stream);
  const { confirmMs, lateMs } = published;
  return { count, confirmMs, deliveryMs: followed.deliveryMs, lateMs };
}

/** Starts a side, and waits until it is ready. */
async function startSide(plan: SidePlan, config: string | undefined): Promise<RunningSide> {
  const side = new RunningSide(plan, config);
  try {
    await side.waitUntilReady();
    return side;
  } catch (error) {
    await side[Symbol.asyncDispose]();
    throw error;
  }
}

/** A side at work. */
class RunningSide implements AsyncDisposable {
  readonly #side: Side;
  readonly #said = new Tail();
  readonly #child: Child;

  constructor(plan: SidePlan, config: string | undefined) {
    this.#side = plan.side;
    this.#child = new Child({
      program: PROGRAM,
      args: [JSON.stringify(plan)],
      flags: ["--quiet", ...(config === undefined ? [] : ["--config", config])],
      output: "stdout",
      onOther: (text) => this.#said.add(text),
    });
  }

  async waitUntilReady(): Promise<void> {
    await this.#read();
  }

  async tell(line: string): Promise<void> {
    await this.#child.tell(line);
  }

  async readResult<T>(): Promise<T> {
    return JSON.parse(await this.#read());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop("SIGKILL");
  }

  async #read(): Promise<string> {
    const { done, value } = await this.#child.lines.next();
    if (!done) return value;
    throw new Error(`The ${this.#side} process has failed: ${this.#said}`);
  }
}
