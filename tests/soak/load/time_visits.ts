/** Visits about time: delays, expiry, schedules, coalescing, dedup windows. */
import { patiently } from "../../support/patience.ts";
import type { Scene, Visit } from "./scene.ts";

/** How much earlier than its time a message may seem to come: clocks are read to the millisecond. */
const EARLY_MS = 2;

async function delayMessages(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("delays", { backoffMs: [30] });
  const publisher = connection.publisher<number>(stream);
  const due: number[] = [];
  const done = new Set<number>();
  const handling = (await scene.connect()).follower<number>(stream).handle(({ body, attempts }) => {
    const early = due[body]! - performance.now();
    scene.require(early < EARLY_MS, `a message comes ${early} ms before its time`);
    if (attempts > 1 || body % 5 > 0) return void done.add(body);
    due[body] = performance.now() + 30;
    throw new Error("later");
  }, { concurrency: 16 });
  const sent = Array.from({ length: 40 }, (_, body) => {
    const delayMs = scene.random.below(600);
    due[body] = performance.now() + delayMs;
    if (scene.random.chance(0.5)) return publisher.sendMessage(body, { delayMs });
    return publisher.sendMessage(body, { deliverAt: Date.now() + delayMs }).finally(() => {});
  });
  await Promise.all(sent);
  await scene.until("all delayed messages are done", () => done.size === sent.length);
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  await cursor.deleteStream(stream);
  scene.notebook.count("delayed messages", sent.length);
}

async function letExpire(scene: Scene): Promise<void> {
  const options = { ttlMs: 60, deadLetterExpired: true };
  const { connection, stream, cursor } = await scene.open("expiry", options);
  const dead = `${stream}.dead`;
  const publisher = connection.publisher<number>(stream);
  const bodies = Array.from({ length: 30 }, (_, body) => body);
  await publisher.sendMessages(bodies, { key: (body) => `${body % 4}` });
  await scene.untilEmpty(cursor, stream);
  const seen = new Set<number>();
  const follower = (await scene.connect()).follower<number>(dead);
  const handling = follower.handle(({ body, deadLetter }) => {
    scene.require(deadLetter?.stream === stream, `a dead letter is of ${deadLetter?.stream}`);
    seen.add(body);
  });
  await scene.until("all have expired", () => seen.size === bodies.length);
  await handling.close();
  for (const name of [stream, dead]) await cursor.deleteStream(name);
  scene.notebook.count("expired messages", bodies.length);
}

/** How long a message may wait that is taken at once, and how many there are at a time. */
const SHORT_MS = 500;
const SHORT_COUNT = 50;

/** Messages with a short time to live, which followers take at full speed: none of them may expire. */
async function keepUp(scene: Scene): Promise<void> {
  const options = { ttlMs: SHORT_MS, deadLetterExpired: true };
  const { connection, stream, cursor } = await scene.open("short-lives", options);
  const publisher = connection.publisher<number>(stream);
  const done = new Set<number>();
  let wake = () => {};
  const handlings = [await scene.connect(), await scene.connect()].map((one) =>
    one.follower<number>(stream).handle(({ body }) => {
      done.add(body);
      wake();
    }, { concurrency: 8 })
  );
  let [sent, late] = [0, 0];
  const end = performance.now() + 2 * SHORT_MS;
  while (performance.now() < end) {
    const beganAt = performance.now();
    const bodies = Array.from({ length: SHORT_COUNT }, () => sent++);
    const { promise: areDone, resolve } = Promise.withResolvers<void>();
    wake = () => bodies.every((body) => done.has(body)) && resolve();
    const key = scene.random.chance(0.5) ? (body: number) => `${body % 7}` : undefined;
    await publisher.sendMessages(bodies, { ...key && { key } });
    wake();
    await patiently(areDone, SHORT_MS).catch(() => {});
    // On a machine that does much else it is nobody's fault if these have expired.
    if (performance.now() - beganAt >= SHORT_MS / 2) late += SHORT_COUNT;
  }
  await scene.untilEmpty(cursor, stream);
  await Promise.all(handlings.map((handling) => handling.close()));
  const [dead] = (await cursor.getStreams()).filter(({ name }) => name === `${stream}.dead`);
  const expired = dead?.ready ?? 0;
  scene.expect(expired <= late, `${expired} of ${sent} have expired, and ${late} were late`);
  scene.require(
    done.size + expired >= sent,
    `of ${sent} ${done.size} are done, ${expired} expired`,
  );
  await cursor.deleteStream(stream);
  if (dead !== undefined) await cursor.deleteStream(dead.name);
  scene.notebook.count("messages with a short time to live", sent);
  scene.notebook.count("messages with a short time to live, late", late);
}

/** Messages that expire behind others that take their time: each is acknowledged, or a dead letter. */
async function fallBehind(scene: Scene): Promise<void> {
  const options = { ttlMs: 120, deadLetterExpired: true };
  const { connection, stream, cursor } = await scene.open("behind", options);
  const [begun, acked, dead] = [new Set<number>(), new Set<number>(), new Set<number>()];
  const handling = (await scene.connect()).follower<number>(stream).handle(async (message) => {
    begun.add(message.body);
    await new Promise((resolve) => setTimeout(resolve, scene.random.below(30)));
    await message.ack({ confirm: true }).then(() => acked.add(message.body), () => {});
  }, { concurrency: 2 });
  const bodies = Array.from({ length: 60 }, (_, body) => body);
  const sentAt = performance.now();
  const key = (body: number) => `${body % 9}`;
  await connection.publisher<number>(stream).sendMessages(bodies, { key });
  const burying = (await scene.connect()).follower<number>(`${stream}.dead`).handle((message) => {
    const { body, deadLetter } = message;
    const ms = performance.now() - sentAt;
    const isRight = deadLetter?.cause === "expired" && ms > options.ttlMs - EARLY_MS;
    scene.require(isRight, `after ${ms} ms there is a dead letter: ${deadLetter?.cause}`);
    scene.require(!acked.has(body), `${body} is acknowledged and expired`);
    dead.add(body);
  });
  await scene.untilEmpty(cursor, stream);
  // What was begun may be acknowledged although nobody was told so.
  const isOver = (body: number) => acked.has(body) || dead.has(body);
  await scene.until(
    "all are done or dead",
    () => bodies.every((body) => isOver(body) || (!scene.isSteady && begun.has(body))),
  );
  await Promise.all([handling.close(), burying.close()]);
  const both = bodies.filter((body) => acked.has(body) && dead.has(body));
  scene.require(both.length === 0, `${both} are acknowledged and expired`);
  for (const name of [stream, `${stream}.dead`]) await cursor.deleteStream(name).catch(() => {});
  scene.notebook.count("messages that expired behind others", dead.size);
}

/** Where others work. */
const ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo"];

async function schedule(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("dates");
  const names = ["every", "cron"].map((kind) => scene.name(kind));
  const settings = { stream, now: true, limit: 2 } as const;
  const [every, cron] = names as [string, string];
  await cursor.putSchedule(every, { ...settings, body: { of: every }, everyMs: 1000 });
  await cursor.putSchedule(cron, { ...settings, body: { of: cron }, cron: "* * * * * *" });
  // The same each time: what is kept of dates and zones is kept since the first round.
  const far = ZONES.map((timeZone, index) => ({ name: scene.name(`far${index}`), timeZone }));
  for (const { name, timeZone } of far) {
    await cursor.putSchedule(name, { stream, body: "never", cron: "0 0 1 1 *", timeZone });
  }
  const counts = new Map<string, number>();
  const handling = connection.follower<{ of: string }>(stream).handle(({ body, headers }) => {
    const isRight = names.includes(body.of) && !Number.isNaN(Date.parse(headers.scheduledAt ?? ""));
    scene.require(isRight, `a schedule has stored ${JSON.stringify(body)}`);
    counts.set(body.of, (counts.get(body.of) ?? 0) + 1);
  });
  const areDone = () => names.every((name) => (counts.get(name) ?? 0) >= 2);
  await scene.until("schedules have stored both of their messages", areDone);
  for (const [name, count] of counts) scene.expect(count === 2, `${name} has stored ${count} of 2`);
  await cursor.pauseSchedule(cron);
  await cursor.resumeSchedule(cron);
  for (const name of [...names, ...far.map(({ name }) => name)]) await cursor.deleteSchedule(name);
  await handling.close();
  await cursor.deleteStream(stream);
  scene.notebook.count("schedules", names.length + far.length);
}

async function coalesce(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("coalescing");
  const publisher = connection.publisher<{ id: number; version: number }>(stream);
  const last = new Map<number, number>();
  const handling = (await scene.connect()).follower<{ id: number; version: number }>(stream).handle(
    ({ body: { id, version } }) => void last.set(id, version),
  );
  const sent = [];
  for (let version = 1; version <= 15; version++) {
    for (let id = 0; id < 5; id++) {
      const options = { coalesce: { id: `document ${id}`, quietMs: scene.random.below(30) } };
      sent.push(publisher.sendMessage({ id, version }, options));
    }
    if (version % 5 === 0) await Promise.all(sent);
  }
  await Promise.all(sent);
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  for (let id = 0; id < 5; id++) {
    scene.expect(last.get(id) === 15, `of ${id} version ${last.get(id)} is worked on last`);
  }
  await cursor.deleteStream(stream);
  scene.notebook.count("coalesced messages", sent.length);
}

async function sendTwice(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("twice", { dedupWindowMs: 600_000 });
  const others = await scene.connect();
  const ids = new Set<number>();
  const bodies = new Set<number>();
  const handling = others.follower<number>(stream).handle(({ id, body }) => {
    ids.add(id);
    bodies.add(body);
  });
  for (let body = 0; body < 25; body++) {
    const options = { dedupId: scene.name(`order ${body}`) };
    const [first, second] = [
      await connection.publisher<number>(stream).sendMessage(body, options),
      await others.publisher<number>(stream).sendMessage(body, options),
    ];
    scene.require(!first.duplicate && second.duplicate, "a message sent twice is stored twice");
    scene.require(first.streams[0]?.id === second.streams[0]?.id, "it has another id");
  }
  await scene.untilEmpty(cursor, stream);
  await handling.close();
  scene.require(ids.size === 25 && bodies.size === 25, `25 messages have ${ids.size} ids`);
  await cursor.deleteStream(stream);
  scene.notebook.count("messages sent twice", 25);
}

export const TIME_VISITS: readonly Visit[] = [
  { name: "delays", run: delayMessages },
  { name: "expiry", run: letExpire },
  { name: "short lives", run: keepUp },
  { name: "expiry behind others", run: fallBehind },
  { name: "schedules", run: schedule },
  { name: "coalescing", run: coalesce },
  { name: "dedup ids", run: sendTwice },
];
