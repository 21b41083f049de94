/** Visits about calls: requests and replies, calls that are aborted, members that come and go. */
import { BrokerError, type Connection } from "../../../client.ts";
import type { Scene, Visit } from "./scene.ts";

async function ask(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("questions");
  const answering = connection.follower<number>(stream).handle(async (message) => {
    if (message.body < 0) return;
    if (message.isRequest) {
      await message.reply({ twice: message.body * 2 }, { headers: { a: "b" } });
    }
  }, { concurrency: 8 });
  const publisher = (await scene.connect()).publisher<number>(stream);
  let answers = 0;
  await Promise.all(Array.from({ length: 30 }, async (_, body) => {
    // What is asked while a connection is lost may be asked in vain.
    const timeoutMs = scene.isSteady ? 30_000 : 500;
    const reply = await publisher.request<{ twice: number }>(body, { timeoutMs })
      .catch((error) => {
        if (scene.isSteady) throw error;
      });
    if (reply === undefined) return;
    scene.require(reply.body.twice === 2 * body, `${body} twice is ${reply.body.twice}`);
    answers++;
  }));
  const controller = new AbortController();
  const aborted = publisher.request(-1, { signal: controller.signal }).catch((error) => error);
  const late = await publisher.request(-2, { timeoutMs: 30 }).catch((error) => error);
  controller.abort();
  scene.expect(
    late instanceof BrokerError && late.code === "REPLY_TIMEOUT",
    `no reply is ${late}`,
  );
  scene.require((await aborted) instanceof Error, "an aborted request has a reply");
  await answering.close();
  await cursor.deleteStream(stream);
  scene.notebook.count("replies", answers);
}

async function abortCalls(scene: Scene): Promise<void> {
  const { connection, stream, cursor } = await scene.open("aborts");
  const publisher = connection.publisher(stream);
  const calls: Promise<unknown>[] = [];
  for (let count = 0; count < 30; count++) {
    const controller = new AbortController();
    const { signal } = controller;
    const follower = connection.follower(stream, { prefetch: 2 });
    calls.push(...[
      publisher.sendMessage({ count }, { signal }),
      cursor.getStreams({ signal }),
      cursor.peek(stream, {}, { signal }),
      follower.getMessages({ signal }).next().then(async ({ value }) => {
        if (value !== undefined) await value.release({ confirm: true, signal });
      }),
    ].map((call) => call.catch(() => {})));
    const after = scene.random.below(6);
    if (after > 0) await new Promise((resolve) => setTimeout(resolve, after));
    controller.abort(new Error("enough"));
    calls.push(follower.close({ drainMs: 0 }).catch(() => {}));
  }
  await Promise.all(calls);
  await cursor.purgeStream(stream);
  await cursor.deleteStream(stream);
  scene.notebook.count("aborted calls", calls.length);
}

async function crowd(scene: Scene): Promise<void> {
  const { stream, cursor } = await scene.open("crowd");
  const others: Connection[] = await Promise.all(
    Array.from({ length: 8 }, () => scene.connect()),
  );
  let count = 0;
  const members = others.map((connection, index) => {
    const bind = index % 2 === 0 ? stream : new RegExp(`^${stream}$`);
    connection.follower(bind, { name: scene.name(`f${index}`) }).handle(() => void count++);
    return connection.publisher(bind);
  });
  const sent = members.flatMap((publisher, from) =>
    Array.from({ length: 5 }, (_, number) => publisher.sendMessage({ from, number }))
  );
  await Promise.all(sent);
  await scene.until("the crowd has worked", () => count >= sent.length);
  await Promise.all(
    others.map((connection, index) => connection.close({ drainMs: index % 3 === 0 ? 0 : 1000 })),
  );
  // Handlers that were not waited for have left messages behind.
  await cursor.purgeStream(stream);
  await cursor.deleteStream(stream);
  scene.notebook.count("members", 2 * others.length);
}

export const CALL_VISITS: readonly Visit[] = [
  { name: "requests", run: ask },
  { name: "aborted calls", run: abortCalls },
  { name: "crowds", run: crowd },
];
