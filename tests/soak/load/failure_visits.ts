/** Visits about what fails: attempts, dead letters, breakers, handlers without end. */
import { Postpone, Reject } from "../../../client.ts";
import type { Scene, Visit } from "./scene.ts";

async function failOften(scene: Scene): Promise<void> {
  const options = { maxDeliveries: 2, backoffMs: [10] };
  const { connection, stream, cursor } = await scene.open("failures", options);
  const dead = `${stream}.dead`;
  const done = new Set<number>();
  const failed = new Set<number>();
  let isRepaired = false;
  const handling = (await scene.connect()).follower<number>(stream).handle(({ body, attempts }) => {
    scene.require(attempts <= 2, `attempt ${attempts} of 2`);
    const isBad = body % 3 === 0 || body % 7 === 0;
    if (isBad && !isRepaired) {
      failed.add(body);
      throw body % 7 === 0 ? new Reject("never") : new Error(`no ${body}`);
    }
    if (body % 3 === 1 && attempts === 1) throw new Error("the first time");
    if (body % 11 === 0 && !done.has(-body)) {
      done.add(-body);
      throw new Postpone(20);
    }
    done.add(body);
  }, { concurrency: 8 });
  const bodies = Array.from({ length: 60 }, (_, index) => index + 1);
  await connection.publisher<number>(stream).sendMessages(bodies, { key: (body) => `${body % 9}` });
  await scene.untilEmpty(cursor, stream);
  const { ready } = await cursor.getStream(dead);
  const left = bodies.filter((body) => !done.has(body)).length;
  scene.expect(ready === failed.size, `${ready} dead letters of ${failed.size} that fail`);
  scene.require(ready >= left, `${left} are not done, ${ready} are dead letters`);
  isRepaired = true;
  await cursor.redrive(dead);
  await scene.until("all are done", () => bodies.every((body) => done.has(body)));
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  for (const name of [stream, dead]) await cursor.deleteStream(name);
  scene.notebook.count("dead letters", ready);
}

async function breakDown(scene: Scene): Promise<void> {
  const breaker = { failures: 3, openMs: 100, of: scene.random.pick(["stream", "lane"] as const) };
  const { connection, stream, cursor } = await scene.open("breakers", { breaker, backoffMs: [10] });
  const done = new Set<number>();
  let downUntil = performance.now() + 250;
  const handling = (await scene.connect()).follower<number>(stream).handle(async (message) => {
    if (performance.now() < downUntil) {
      await message.nack({ fault: "downstream", reason: "it is down" });
    } else done.add(message.body);
  }, { concurrency: 4 });
  const bodies = Array.from({ length: 30 }, (_, index) => index);
  const lane = (body: number) => `lane ${body % 3}`;
  await connection.publisher<number>(stream).sendMessages(bodies, { lane });
  await scene.until("all are done after a breakdown", () => done.size === bodies.length);
  downUntil = 0;
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  await cursor.deleteStream(stream);
  scene.notebook.count("breakers");
}

async function hang(scene: Scene): Promise<void> {
  const options = { ackTimeoutMs: 1000, maxDeliveries: 2, deadLetter: false, backoffMs: [10] };
  const { connection, stream, cursor } = await scene.open("hanging", options);
  const handling = (await scene.connect()).follower<number>(stream).handle((message) => {
    if (message.attempts > 1 || message.body % 2 > 0) return;
    return new Promise((_, reject) => {
      message.signal.addEventListener("abort", () => reject(message.signal.reason));
    });
  }, { concurrency: 8, timeoutMs: 40 });
  await connection.publisher<number>(stream).sendMessages([1, 2, 3, 4, 5, 6]);
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  await cursor.deleteStream(stream);
}

export const FAILURE_VISITS: readonly Visit[] = [
  { name: "failures", run: failOften },
  { name: "breakers", run: breakDown },
  { name: "hanging handlers", run: hang },
];
