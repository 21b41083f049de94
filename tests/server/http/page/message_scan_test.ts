/**
 * A step of a search: how far it gets.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { createMemoryEngine } from "../../../../src/engine/memory.ts";
import { scanMessages } from "../../../../src/server/http/page/messages/message_scan.ts";
import { EngineUse } from "../../../engine/engine_use.ts";

Deno.test("the wait of a busy broker for the first messages is no part of a search's time", async () => {
  const engine = createMemoryEngine({ memoryLimit: 1e9, now: () => 0 });
  await engine.createStream("jobs");
  const publisher = new EngineUse(engine).publisher("jobs", "1");
  for (const body of ["one", "two", "three"]) await publisher.store(body);
  const busy = {
    getStream: (name: string) => engine.getStream(name),
    peek: (name: string, from: number, count: number) => {
      const until = performance.now() + 120;
      while (performance.now() < until);
      return engine.peek(name, from, count);
    },
  };
  const range = { from: 1, until: undefined };
  const scan = await scanMessages(busy, "jobs", range, () => true);
  assertEquals(scan, { scanned: 3, from: 1, until: 4, next: undefined });
  await engine.close();
});
