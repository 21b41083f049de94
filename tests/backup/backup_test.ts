/**
 * Backups under load are what the journal was at that moment: the short form of `back_up.ts`.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { formatVerdict } from "../support/checking/verdict.ts";
import { TestDirectory } from "../support/disk/journals.ts";
import { runBackups, WAYS } from "./backup_run.ts";

Deno.test("backups under load, in all ways: everything that was confirmed, and nothing else", async () => {
  await using directory = await TestDirectory.create();
  await using scratch = await TestDirectory.create();
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const { verdict, restored, unfinished, messages, wrong } = await runBackups({
    seed,
    directory: directory.path,
    scratch: scratch.path,
    ways: WAYS,
    messages: 60,
    largeShare: 1 / 50,
  });
  // deno-lint-ignore no-console
  console.log(
    `seed ${seed}, ${restored} restored, ${messages} messages, ${formatVerdict(verdict)}`,
  );
  assertEquals(wrong, []);
  assert(verdict.isClean);
  assertEquals(restored + unfinished, WAYS.length + 1);
  assertGreater(messages, 20);
});
