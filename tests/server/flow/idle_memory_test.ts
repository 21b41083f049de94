// What a session takes up whose client says nothing.

import { assertLess } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Duplex } from "../../../src/transport/duplex.ts";
import { passTurns } from "../../support/broker/broker.ts";
import { helloBytes } from "../../support/wire/raw_client.ts";
import { Sessions } from "../../support/wire/sessions.ts";

const COUNT = 400;

/** A client that says hello, takes the welcome, and is silent from then on. */
function idle(hello: Uint8Array, ends: (() => void)[]): Duplex {
  let sent = 0;
  return {
    read: (buffer) => {
      const part = hello.subarray(sent, sent + buffer.length);
      buffer.set(part);
      sent += part.length;
      if (part.length > 0) return Promise.resolve(part.length);
      return new Promise((resolve) => void ends.push(() => resolve(null)));
    },
    write: (bytes) => Promise.resolve(bytes.length),
    close: () => {},
  };
}

Deno.test("an idle session takes up some kilobytes, its buffer included", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  await using sessions = new Sessions({ logLevel: "error" });
  const hello = helloBytes("idle");
  const ends: (() => void)[] = [];
  const open = async (count: number) => {
    for (let index = 0; index < count; index++) sessions.take(idle(hello, ends));
    await passTurns();
    collect();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  // The first ones have code compiled.
  await open(50);
  const before = await open(0);
  const bytes = (await open(COUNT) - before) / COUNT;
  for (const end of ends) end();
  assertLess(bytes, 10 * 1024);
});
