import type { StreamInfo } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { makeDangerCommand } from "../connecting/danger_command.ts";
import { say } from "../output/quantities.ts";

/** `stream purge`: removes the messages of a stream. */
export const purge: CommandBody = makeDangerCommand({
  command: "stream purge",
  examples: ["stream purge orders --dry-run", "stream purge orders --yes"],
  details:
    "Ready and delayed messages are removed, and are no dead letters. Messages that followers\n" +
    "hold stay.",
  async find(cursor, name, signal) {
    const { ready, delayed } = await cursor.getStream(name, { signal });
    const count = ready + delayed;
    const what = `remove ${say(count, "message")} from "${name}": ` +
      `${ready} ready, ${delayed} delayed`;
    return { what, count, isHarmless: count === 0 };
  },
  async act(cursor, name, signal) {
    const removed = await cursor.purgeStream(name, { signal });
    return { json: { removed }, sentence: `Removed ${say(removed, "message")} from "${name}".` };
  },
});

/** `stream rm`: deletes a stream. */
export const rm: CommandBody = makeDangerCommand({
  command: "stream rm",
  examples: ["stream rm old-orders --dry-run", "stream rm old-orders --yes"],
  details:
    "All its messages are deleted, those that followers hold, too. Its dead letters are in a\n" +
    "stream of their own, which stays.",
  async find(cursor, name, signal) {
    const stream = await cursor.getStream(name, { signal });
    const count = countMessages(stream);
    const followers = stream.followers === 0
      ? ""
      : `; ${say(stream.followers, "follower")} would wait for a new stream of that name`;
    return { what: `delete stream "${name}" with ${say(count, "message")}${followers}`, count };
  },
  async act(cursor, name, signal, messages) {
    await cursor.deleteStream(name, { signal });
    const sentence = `Deleted stream "${name}" with ${say(messages, "message")}.`;
    return { json: { deleted: name, messages }, sentence };
  },
});

/** All messages of a stream, whatever state they are in. */
export function countMessages({ ready, delayed, pending }: StreamInfo): number {
  return ready + delayed + pending;
}
