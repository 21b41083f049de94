/** Visits about order: keys, priorities, batches of a key. */
import type { Follower } from "../../../client.ts";
import type { Scene, Visit } from "./scene.ts";

/** What a message is of. */
interface Numbered {
  readonly key: string;
  readonly number: number;
}

/** Looks at messages of keys: in order, and one at a time. */
class KeyWatch {
  readonly #scene: Scene;
  readonly #last = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #done = new Set<string>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  get doneCount(): number {
    return this.#done.size;
  }

  /** A handler has got one. */
  begin({ key, number }: Numbered): void {
    const last = this.#last.get(key) ?? 0;
    // One that comes again may come behind others; for the first time it may not.
    this.#scene.require(number <= last + 1, `${key} ${number} comes after ${last}`);
    this.#last.set(key, Math.max(last, number));
    this.#scene.expect(!this.#busy.has(key), `${key} is worked on twice at a time`);
    this.#busy.add(key);
  }

  end({ key, number }: Numbered): void {
    this.#busy.delete(key);
    this.#done.add(`${key} ${number}`);
  }
}

const KEYS = 8;
const EACH = 12;

function makeNumbered(scene: Scene): Numbered[] {
  const numbers = new Map<string, number>();
  return Array.from({ length: KEYS * EACH }, () => {
    const key = scene.name(`key${scene.random.below(KEYS)}`);
    const number = (numbers.get(key) ?? 0) + 1;
    numbers.set(key, number);
    return { key, number };
  });
}

async function workOnKeys(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("keys", { backoffMs: [20] });
  const watch = new KeyWatch(scene);
  const bodies = makeNumbered(scene);
  const work = (follower: Follower<Numbered>) =>
    follower.handle(async (message) => {
      watch.begin(message.body);
      await new Promise((resolve) => setTimeout(resolve, scene.random.below(4)));
      watch.end(message.body);
      if (message.attempts === 1 && message.body.number % 9 === 0) throw new Error("once more");
    }, { concurrency: 4, onError: "nack" });
  const others = await scene.connect();
  const handlings = [connection, others].map((one) => work(one.follower<Numbered>(stream)));
  const publisher = connection.publisher<Numbered>(stream);
  for (let at = 0; at < bodies.length; at += 24) {
    await publisher.sendMessages(bodies.slice(at, at + 24), { key: ({ key }) => key });
  }
  await scene.until("all are done", () => watch.doneCount === bodies.length);
  await scene.untilEmpty(cursor, stream);
  await Promise.all(handlings.map((handling) => handling.close()));
  await cursor.deleteStream(stream);
  scene.notebook.count("messages with keys", bodies.length);
}

async function usePriorities(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("priorities", {
    priorityAgingMs: 60_000,
  });
  const publisher = connection.publisher<number>(stream);
  const bodies = Array.from({ length: 40 }, () => scene.random.below(10));
  await publisher.sendMessages(bodies, { priority: (body) => body });
  const seen: number[] = [];
  const follower = (await scene.connect()).follower<number>(stream, { prefetch: 1 });
  for await (const message of follower.getMessages()) {
    seen.push(message.body);
    await message.ack({ confirm: true }).catch(() => {});
    if (seen.length >= bodies.length) break;
  }
  await follower.close();
  const sorted = bodies.toSorted((one, other) => other - one);
  scene.expect(seen.join() === sorted.join(), `priorities come as ${seen}`);
  await cursor.deleteStream(stream);
}

async function workInBatches(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("batches");
  const seen = new Set<number>();
  const handling = (await scene.connect()).follower<number>(stream).handleBatches((batch) => {
    for (const { body } of batch.messages) seen.add(body);
  }, { size: 7, waitMs: 5, by: scene.random.pick(["key", "stream", null]), concurrency: 2 });
  const publisher = connection.publisher<number>(stream);
  const bodies = Array.from({ length: 80 }, (_, index) => index);
  await publisher.sendMessages(bodies, { key: (body) => scene.name(`batch${body % 5}`) });
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  scene.require(seen.size === bodies.length, `batches have ${seen.size} of ${bodies.length}`);
  await cursor.deleteStream(stream);
}

export const ORDER_VISITS: readonly Visit[] = [
  { name: "keys", run: workOnKeys },
  { name: "priorities", run: usePriorities },
  { name: "batches", run: workInBatches },
];
