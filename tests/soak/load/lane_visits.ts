/** Visits about lanes, limits, and streams that are full. */
import { BrokerError } from "../../../client.ts";
import type { Scene, Visit } from "./scene.ts";

const LANES = 4;
const LANE_PENDING = 2;

/** Counts what is worked on at a time, by lane or of all streams. */
class Busy {
  readonly #counts = new Map<string, number>();
  readonly #scene: Scene;
  readonly #limit: number;

  constructor(scene: Scene, limit: number) {
    this.#scene = scene;
    this.#limit = limit;
  }

  async work(what: string): Promise<void> {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    this.#scene.expect(count <= this.#limit, `${count} of ${what}, allowed ${this.#limit}`);
    await new Promise((resolve) => setTimeout(resolve, this.#scene.random.below(5)));
    this.#counts.set(what, this.#counts.get(what)! - 1);
  }
}

async function workInLanes(scene: Scene): Promise<void> {
  const laneLimits = { maxPending: LANE_PENDING, rate: { count: 1000, perMs: 100 } };
  const { connection, stream, cursor } = await scene.open("lanes", { laneLimits });
  const busy = new Busy(scene, LANE_PENDING);
  const done = new Set<number>();
  const lane = (body: number) => scene.name(`lane${body % LANES}`);
  await cursor.setLane(stream, lane(0), { weight: 3, maxPending: 1 });
  const handlings = [connection, await scene.connect()].map((one) =>
    one.follower<number>(stream).handle(async ({ body }) => {
      await busy.work(lane(body));
      done.add(body);
    }, { concurrency: 8 })
  );
  const bodies = Array.from({ length: 60 }, (_, index) => index);
  await connection.publisher<number>(stream).sendMessages(bodies, { lane });
  await cursor.setLane(stream, lane(1), { isPaused: true });
  await cursor.getLanes(stream, { limit: 10 });
  await cursor.setLane(stream, lane(1), null);
  await scene.untilEmpty(cursor, stream);
  scene.require(done.size === bodies.length, `lanes have ${done.size} of ${bodies.length}`);
  await Promise.all(handlings.map((handling) => handling.close()));
  await cursor.setLane(stream, lane(0), null);
  await cursor.deleteStream(stream);
  scene.notebook.count("messages in lanes", bodies.length);
}

async function shareLimit(scene: Scene): Promise<void> {
  const sharedLimit = scene.name("limit");
  const { connection, stream, cursor } = await scene.open("shared", { sharedLimit });
  const other = scene.name("sharing");
  await cursor.createStream(other, { sharedLimit });
  await cursor.putLimit(sharedLimit, { maxPending: 3 });
  const busy = new Busy(scene, 3);
  let count = 0;
  const handlings = [stream, other].map((name) =>
    connection.follower<number>(name).handle(async () => {
      await busy.work("shared");
      count++;
    }, { concurrency: 8 })
  );
  const bodies = Array.from({ length: 25 }, (_, index) => index);
  for (const name of [stream, other]) {
    await connection.publisher<number>(name).sendMessages(bodies);
  }
  for (const name of [stream, other]) await scene.untilEmpty(cursor, name);
  scene.require(count >= 50, `${count} of 50 under a shared limit`);
  await Promise.all(handlings.map((handling) => handling.close()));
  await cursor.getLimits();
  for (const name of [stream, other]) await cursor.deleteStream(name);
  await cursor.putLimit(sharedLimit, null);
}

async function fillUp(scene: Scene): Promise<void> {
  const overflow = scene.random.pick(["reject", "drop-oldest"] as const);
  const options = { maxMessages: 50, maxBytes: 3_000_000, overflow };
  const { connection, stream, cursor } = await scene.open("full", options);
  const publisher = connection.publisher(stream);
  let refused = 0;
  const sent = Array.from({ length: 90 }, (_, index) => {
    const bytes = scene.random.chance(0.05) ? 1 << 19 : 200 * scene.random.below(40);
    return publisher.sendMessage(new Uint8Array(bytes), { key: `${index % 6}` }).catch((error) => {
      if (!(error instanceof BrokerError && error.code === "STREAM_FULL")) throw error;
      refused++;
    });
  });
  await Promise.all(sent);
  scene.expect(overflow === "reject" ? refused > 0 : refused === 0, `${refused} are refused`);
  const { ready } = await cursor.getStream(stream);
  scene.require(ready <= 50, `a stream of 50 messages has ${ready}`);
  const waiting = connection.publisher(stream, { whenFull: "wait" });
  const handling = (await scene.connect()).follower(stream).handle(() => {}, { concurrency: 4 });
  await Promise.all(Array.from({ length: 40 }, (_, index) => waiting.sendMessage(index)));
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  await cursor.deleteStream(stream);
  scene.notebook.count("messages for full streams", 130);
}

export const LANE_VISITS: readonly Visit[] = [
  { name: "lanes", run: workInLanes },
  { name: "shared limits", run: shareLimit },
  { name: "full streams", run: fillUp },
];
