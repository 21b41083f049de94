/**
 * Publishes every line of a file, or of standard input; last, it tells total.ts which lines they were:
 *
 *     deno run -A examples/word_count/publisher.ts README.md
 *     cat README.md | deno run -A examples/word_count/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";
import { splitLines } from "./lines.ts";

const LINE_BYTES_MAX = 1024 * 1024; // the broker takes no larger message
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024; // so much may wait for the followers

const [path] = Deno.args;
const text = path === undefined ? Deno.stdin : await Deno.open(path);
const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
const cursor = connection.cursor();
await cursor.createStream("word_count.lines");
await cursor.createStream("word_count.counts");

const publisher = connection.publisher("word_count.lines");
let [firstId, lastId] = [1, 0];
for await (const lines of splitLines(text.readable, LINE_BYTES_MAX)) {
  const { streams } = await publisher.sendMessages(lines);
  if (lastId === 0) firstId = streams[0]!.firstId;
  lastId = streams.at(-1)!.lastId;
  while ((await cursor.getStream("word_count.lines")).bytes > BACKLOG_BYTES_MAX) await delay(50);
}

await connection.publisher("word_count.counts").sendMessage({ firstId, lastId });
console.log(`published ${lastId - firstId + 1} lines`);
