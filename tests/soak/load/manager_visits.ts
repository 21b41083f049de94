/** Visits of those who manage: streams by patterns, cursors, cancelling, backups. */
import type { Scene, Visit } from "./scene.ts";

async function followPatterns(scene: Scene): Promise<void> {
  const connection = await scene.connect();
  const cursor = connection.cursor();
  const names = Array.from({ length: 6 }, (_, index) => scene.name(`pattern.${index}`));
  for (const name of names.slice(0, 4)) await cursor.createStream(name);
  const bind = new RegExp(`^pattern\\.\\d-${scene.name("").slice(1)}$`);
  const seen = new Map<string, Set<number>>();
  const handling = (await scene.connect()).follower<number>(bind).handle(({ stream, body }) => {
    const bodies = seen.get(stream);
    if (bodies === undefined) seen.set(stream, new Set([body]));
    else bodies.add(body);
  }, { concurrency: 4 });
  const publisher = connection.publisher<number>(bind);
  for (let body = 0; body < 20; body++) {
    const { streams } = await publisher.sendMessage(body);
    const count = body < 10 ? 4 : 5;
    scene.expect(streams.length === count, `a pattern of ${count} streams has ${streams.length}`);
    if (body !== 9) continue;
    // One goes in the midst, and two come.
    await cursor.deleteStream(names[3]!);
    for (const name of names.slice(4)) await cursor.createStream(name);
  }
  for (const name of names) if (name !== names[3]) await scene.untilEmpty(cursor, name);
  await handling.close();
  names.forEach((name, index) => {
    const [count, expected] = [seen.get(name)?.size ?? 0, index < 3 ? 20 : 10];
    if (index !== 3) scene.require(count === expected, `${name} has ${count} of ${expected}`);
  });
  for (const name of names) if (name !== names[3]) await cursor.deleteStream(name);
  scene.notebook.count("streams of patterns", names.length);
}

async function manage(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("managed");
  const publisher = connection.publisher<number>(stream);
  await publisher.sendMessages(Array.from({ length: 40 }, (_, body) => body), {
    key: (body) => `${body % 3}`,
    lane: (body) => `${body % 2}`,
  });
  await publisher.sendMessage(41, { delayMs: 3_600_000 });
  await cursor.pauseStream(stream);
  const other = await scene.connect();
  const follower = other.follower<number>(stream, { name: scene.name("worker"), prefetch: 4 });
  const messages = follower.getMessages();
  const first = messages.next();
  await cursor.resumeStream(stream);
  const { value: message } = await first;
  scene.require(message?.body === 0, `the first message is ${message?.body}`);
  await cursor.getPels();
  await cursor.explain(stream);
  await cursor.getStreams();
  await cursor.getConnections();
  await cursor.getEvents();
  const [found] = await cursor.peek<number>(stream, { from: 5, limit: 5 });
  await cursor.getMessage(stream, found!.id);
  await cursor.cancel(stream, found!.id);
  await cursor.cancelAll(stream, { lane: "1" });
  await cursor.updateStream(stream, { maxMessages: 1000, ttlMs: 600_000 });
  await cursor.releasePel(scene.name("worker")).catch(() => {});
  await follower.close({ drainMs: 0 });
  // What a follower still has whose connection was lost as it closed comes back after the purge.
  const { pending } = await cursor.getStream(stream);
  const purged = await cursor.purgeStream(stream);
  const { ready, delayed } = await cursor.getStream(stream);
  const left = ready + delayed;
  scene.expect(purged > 0 && left <= pending, `a purged stream has ${left}, of ${pending} pending`);
  const own = (await cursor.getConnections()).filter(({ client }) =>
    client === scene.name("visitor")
  );
  if (!scene.isSteady) { for (const { id } of own) await cursor.closeConnection(id); }
  await cursor.deleteStream(stream);
  scene.notebook.count("cursors");
}

async function backUp(scene: Scene): Promise<void> {
  const connection = await scene.connect();
  const cursor = connection.cursor();
  const opened = await cursor.openBackup().catch((error: Error) => error);
  if (opened instanceof Error) {
    // Five visitors may all have come for one, and on a busy machine a closed one is open for a while.
    if (!/: 4 are open, which is the limit/.test(opened.message)) throw opened;
    scene.notebook.count("backups that were one too many");
    return;
  }
  const { backup, files } = opened;
  for (const { name: file, bytes } of files.slice(-2)) {
    const piece = await cursor.readBackup({ backup, file, offset: 0 });
    scene.expect(piece.length > 0 || bytes === 0, `a backup has nothing of ${file}`);
  }
  // The others are closed with the connection.
  if (scene.random.chance(0.5)) await cursor.closeBackup(backup);
  scene.notebook.count("backups");
}

export const MANAGER_VISITS: readonly Visit[] = [
  { name: "patterns", run: followPatterns },
  { name: "cursors", run: manage },
  { name: "backups", run: backUp, suits: ({ name }) => name !== "light" },
];
