// Warnings that clients can cause at will: one line a second, and none of them uncounted.

import { assertEquals } from "@std/assert";
import { Tally } from "../../../src/server/front_door/tally.ts";
import { Log } from "../../../src/server/log.ts";

Deno.test("Tally tells of the last events though no other one comes, and only once", () => {
  let now = 1000;
  const lines: string[] = [];
  const log = new Log({ level: "info", write: (line) => lines.push(line.slice(25).trim()) });
  const tally = new Tally("turned away", log, () => now);
  tally.sweep();
  tally.end();
  assertEquals(lines, []);
  for (let peer = 1; peer <= 10; peer++) tally.note({ peer });
  now += 999;
  tally.sweep();
  assertEquals(lines.splice(0), ["warning turned away peer=1 count=1"]);
  now += 1;
  tally.sweep();
  assertEquals(lines.splice(0), ["warning turned away peer=10 count=9"]);
  now += 999;
  tally.note({ peer: 11 });
  tally.end();
  tally.end();
  now += 5000;
  tally.sweep();
  assertEquals(lines.splice(0), ["warning turned away peer=11 count=1"]);
});
