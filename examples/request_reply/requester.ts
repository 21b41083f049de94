/**
 * Asks how many words some texts have, all at once:
 *
 *     deno run -A examples/request_reply/requester.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
await connection.cursor().createStream("questions");

const publisher = connection.publisher("questions");
const texts = ["to be or not to be", "that is", "the question"];
const replies = await Promise.all(
  texts.map((text) => publisher.request<{ words: number }>(text, { timeoutMs: 10_000 })),
);
replies.forEach(({ body }, index) => console.log(`${body.words} words:`, texts[index]));
