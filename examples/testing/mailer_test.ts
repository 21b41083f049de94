/**
 * Tests an application that tries again for days, in the fraction of a second:
 *
 *     deno test -A examples/testing/
 */

import { serve, VirtualClock } from "@simplemq/simplemq/server";
import { assertEquals } from "@std/assert";
import { createMails, sendMails } from "./mailer.ts";

/** Sends one mail through a server that is down for a while; tells when that was tried. */
async function sendOne(downMs: number): Promise<{ tries: string[]; deadCount: number }> {
  const start = new Date("2026-03-01T12:00Z");
  const clock = new VirtualClock({ start });
  await using broker = await serve({ port: 0, storage: { engine: "memory" }, clock });
  const connection = await broker.connect();
  await createMails(connection);

  const tries: string[] = [];
  const sending = sendMails(connection, () => {
    tries.push(new Date(clock.now()).toISOString());
    if (clock.now() < start.getTime() + downMs) throw new Error("the server does not answer");
  });
  await connection.publisher("mails").sendMessage("ann@slow.example");
  await clock.advance("7d");

  const streams = await connection.cursor().getStreams();
  const deadCount = streams.find(({ name }) => name === "mails.dead")?.ready ?? 0;
  await connection.close();
  await sending;
  return { tries, deadCount };
}

Deno.test("a mail is sent at once if the server answers", async () => {
  assertEquals(await sendOne(0), { tries: ["2026-03-01T12:00:00.000Z"], deadCount: 0 });
});

Deno.test("a mail is sent after an hour if the server was down for half of it", async () => {
  assertEquals(await sendOne(30 * 60_000), {
    tries: ["2026-03-01T12:00:00.000Z", "2026-03-01T12:01:00.000Z", "2026-03-01T13:01:00.000Z"],
    deadCount: 0,
  });
});

Deno.test("a mail is a dead letter if the server is down for days", async () => {
  assertEquals(await sendOne(3 * 86_400_000), {
    tries: [
      "2026-03-01T12:00:00.000Z",
      "2026-03-01T12:01:00.000Z",
      "2026-03-01T13:01:00.000Z",
      "2026-03-02T13:01:00.000Z",
    ],
    deadCount: 1,
  });
});
