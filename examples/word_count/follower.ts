/**
 * Counts the words of lines, until Ctrl-C. Run as many of these as you like, and kill some of them:
 *
 *     deno run -A examples/word_count/follower.ts
 *
 * Why no line is missed: a line is acknowledged only after the broker has confirmed its count. What a
 * killed follower had not acknowledged comes back, and another follower counts it.
 *
 * Why no line is counted twice: a follower can be killed after its count was confirmed and before the
 * line was acknowledged. Then two followers publish a count of that line. Both carry the line's id,
 * which stays the same for ever, and total.ts keeps one count for each id.
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";
import { countWords } from "./words.ts";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
// Tells when the broker is away, and when it is back.
(async () => {
  for await (const { type } of connection.status()) console.log("connection:", type);
})();
await connection.cursor().createStream("word_count.counts");

const publisher = connection.publisher("word_count.counts");
const follower = connection.follower<Uint8Array>("word_count.lines", { name: `pid-${Deno.pid}` });
console.log(`waiting for lines, process ${Deno.pid}`);
for await (const line of follower.getMessages()) {
  const count = [line.id, countWords(line.body)];
  // Not awaited, so that counts travel in batches. If it fails, the process ends, and its lines are
  // given to others.
  publisher.sendMessage(count).then(() => follower.ackMessage(line));
}
