/**
 * On which thread a directory's files are flushed: small ones on this one, unless they would have to wait.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { TestDirectory } from "../../../support/disk/journals.ts";

/** Notes flushes of all files, which take no time, until it is disposed of. */
function watchFlushes() {
  const { syncData, syncDataSync } = Deno.FsFile.prototype;
  const threads: string[] = [];
  // Not even if this process stands still meanwhile.
  Object.defineProperty(performance, "now", { value: () => 0, configurable: true });
  Deno.FsFile.prototype.syncDataSync = () => void threads.push("here");
  Deno.FsFile.prototype.syncData = () => {
    threads.push("elsewhere");
    return Promise.resolve();
  };
  return {
    takeThreads: () => threads.splice(0).join(),
    [Symbol.dispose]: () => {
      Object.assign(Deno.FsFile.prototype, { syncData, syncDataSync });
      Reflect.deleteProperty(performance, "now");
    },
  };
}

Deno.test("DenoFile: a short flush stays on this thread, the first one and a long one do not", async () => {
  await using directory = await TestDirectory.create();
  const disk = directory.openDisk();
  using _closing = { [Symbol.dispose]: () => disk.close() };
  using flushes = watchFlushes();
  const file = disk.create("a");
  let position = 0;
  const flush = async (size: number) => {
    position += file.write(new Uint8Array(size), position);
    await file.sync();
    return flushes.takeThreads();
  };
  assertEquals(await flush(100), "elsewhere");
  assertEquals(await flush(100), "here");
  assertEquals(await flush(16 * 1024), "here");
  assertEquals(await flush(16 * 1024 + 1), "elsewhere");
  assertEquals(await flush(100), "here");
  file.close();
});

Deno.test("DenoFile: while a file is removed or the directory is flushed, no flush keeps this thread waiting", async () => {
  await using directory = await TestDirectory.create();
  const disk = directory.openDisk();
  using _closing = { [Symbol.dispose]: () => disk.close() };
  using flushes = watchFlushes();
  const file = disk.create("a");
  disk.create("b").close();
  await file.sync();
  await file.sync();
  assertEquals(flushes.takeThreads(), "elsewhere,here");
  const changes = [() => disk.discard("b"), () => disk.discard("none")];
  // Windows has no flush of directories.
  if (Deno.build.os !== "windows") changes.push(() => disk.sync());
  for (const change of changes) {
    const changing = change();
    await file.sync();
    assertEquals(flushes.takeThreads(), "elsewhere");
    await changing;
    await file.sync();
    assertEquals(flushes.takeThreads(), "here");
  }
  file.close();
});
