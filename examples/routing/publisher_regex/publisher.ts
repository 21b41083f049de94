/**
 * Sends one message to every stream whose name matches .+_world:
 *
 *     deno run -A examples/routing/publisher_regex/publisher.ts
 */

// deno-lint-ignore-file no-console
import { connect } from "@simplemq/simplemq";

const port = Number(Deno.env.get("SIMPLEMQ_PORT") ?? 9090);
await using connection = await connect({ port });
for (const name of ["hello_queue", "new_world", "old_world"]) {
  await connection.cursor().createStream(name);
}

const publisher = connection.publisher(/.+_world/); // or Bind.regex(".+_world")
const receipt = await publisher.sendMessage("hello world");
console.log("confirmed:", receipt);
