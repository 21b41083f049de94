/**
 * Adds up the words of all lines of one text, prints the sum as `wc -w` does, and ends:
 *
 *     deno run -A examples/word_count/total.ts
 *
 * The sum is in this process only. If it is killed, publish the text again.
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

/** How many words the line of that id has; or, from the publisher, which lines the text has. */
type Count = [id: number, words: number] | { firstId: number; lastId: number };

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("word_count.counts");

const words = new Map<number, number>();
let [first, last] = [1, Infinity];
const follower = connection.follower<Count>("word_count.counts");
for await (const { body } of follower.getMessages({ autoAck: true })) {
  if (Array.isArray(body)) {
    const [id, count] = body;
    if (id >= first && id <= last) words.set(id, count); // a second count is the same
  } else {
    [first, last] = [body.firstId, body.lastId];
    for (const id of words.keys()) if (id < first || id > last) words.delete(id);
  }
  if (words.size === last - first + 1) break;
}
console.log(words.values().reduce((sum, count) => sum + count, 0));
