/**
 * A program that takes all descriptors that it may have, and uses a journal then.
 *
 * @module
 */

import { DenoDisk } from "../../../src/engine/journal/disk/deno_disk.ts";
import { openJournal } from "../../support/disk/journals.ts";
import { EngineUse } from "../engine_use.ts";

// As a broker does: what the runtime needs for signals is opened with the first of them.
const ignore = () => {};
Deno.addSignalListener("SIGINT", ignore);

const [path = ""] = Deno.args;
const failures: unknown[] = [];
const engine = await openJournal(DenoDisk.open(path), {
  segmentBytes: 4096,
  memoryLimit: 1,
  fail: (error) => void failures.push(error),
});
const use = new EngineUse(engine);
await use.create("a");
const taken: Deno.FsFile[] = [];
try {
  for (;;) taken.push(Deno.openSync(path, { read: true }));
} catch {
  // Now there are none left.
}
const publisher = use.publisher("a");
for (let index = 0; index < 100; index++) await publisher.store("x".repeat(3000));
const follower = use.follower("a");
const received = await follower.received(100);
await follower.ack(...received.map((_, index) => index + 1));
const stored = (await publisher.outcomes()).length;
for (const file of taken) file.close();
await engine.close();
Deno.removeSignalListener("SIGINT", ignore);
// deno-lint-ignore no-console
console.log(`stored ${stored}, received ${received.length}, failures ${failures.length}`);
