/**
 * Files that are looked at: which changes count, and when. Time is an argument.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { WatchedFile } from "../../src/server/watched_file.ts";
import { TestDirectory } from "../support/disk/journals.ts";

/** A watched file, and what its owner has heard. */
class Watched {
  readonly file: WatchedFile;
  readonly heard: string[] = [];
  readonly hastened: number[] = [];
  now = 1_000_000;

  constructor(path: string) {
    this.file = new WatchedFile(path, 100);
  }

  async begin(): Promise<void> {
    assertEquals(await this.file.read(), "first");
    this.file.watch({
      onContent: (content) => this.heard.push(content),
      onFault: ({ message }) => this.heard.push(`fault: ${message}`),
      hasten: (at) => this.hastened.push(at),
    });
    await this.look();
  }

  /** Lets it look as soon as it wants to; resolves to how long that was, in milliseconds. */
  async look(): Promise<number> {
    const before = this.now;
    this.now = Math.max(this.now, this.file.tick(-Infinity));
    this.file.tick(this.now);
    await this.file.whenLooked();
    return this.now - before;
  }
}

async function withFile(test: (path: string, watched: Watched) => Promise<void>): Promise<void> {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "first");
  const watched = new Watched(path);
  await watched.begin();
  await test(path, watched);
  await watched.file.close();
}

Deno.test("a file that is missing, a directory or too large cannot be read", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/file`;
  await assertRejects(() => new WatchedFile(path, 100).read(), Deno.errors.NotFound);
  await assertRejects(() => new WatchedFile(directory.path, 1e9).read(), Error, "directory");
  await Deno.writeTextFile(path, "x".repeat(101));
  await assertRejects(() => new WatchedFile(path, 100).read(), Error, "101 bytes, allowed 100");
  assertEquals((await new WatchedFile(path, 101).read()).length, 101);
});

Deno.test("a file is looked at every 500 ms, and a change counts 100 ms later", () =>
  withFile(async (path, watched) => {
    assertEquals([await watched.look(), await watched.look()], [500, 500]);
    assertEquals(watched.heard, []);
    await Deno.writeTextFile(path, "second");
    assertEquals([await watched.look(), watched.heard], [500, []]);
    assertEquals(watched.hastened, [watched.now + 100]);
    assertEquals([await watched.look(), watched.heard], [100, ["second"]]);
    assertEquals([await watched.look(), watched.heard], [500, ["second"]]);
  }));

Deno.test("a file that goes on changing is not read until it is still", () =>
  withFile(async (path, watched) => {
    for (let length = 1; length <= 20; length++) {
      await Deno.writeTextFile(path, "x".repeat(length));
      await watched.look();
      assertEquals(watched.heard, []);
    }
    assertEquals([await watched.look(), watched.heard], [100, ["x".repeat(20)]]);
  }));

Deno.test("a file that is replaced by another, or by a link to another, has changed", () =>
  withFile(async (path, watched) => {
    const read = async () => {
      await watched.look();
      await watched.look();
      return watched.heard.at(-1);
    };
    await Deno.writeTextFile(`${path}.new`, "other");
    await Deno.rename(`${path}.new`, path);
    assertEquals(await read(), "other");
    for (const name of ["one", "two"]) await Deno.writeTextFile(`${path}.${name}`, name);
    await Deno.remove(path);
    await Deno.symlink(`${path}.one`, path);
    assertEquals(await read(), "one");
    // As Kubernetes does it: the link is replaced in one step.
    await Deno.symlink(`${path}.two`, `${path}.link`);
    await Deno.rename(`${path}.link`, path);
    assertEquals(await read(), "two");
  }));

Deno.test("a file that cannot be read is told of once, until that changes", () =>
  withFile(async (path, watched) => {
    await Deno.remove(path);
    for (let count = 0; count < 5; count++) await watched.look();
    assertEquals(watched.heard.length, 1);
    assertStringIncludes(watched.heard[0]!, "fault: No such file");
    await Deno.writeTextFile(path, "x".repeat(101));
    for (let count = 0; count < 5; count++) await watched.look();
    assertEquals(watched.heard.slice(1), ["fault: found 101 bytes, allowed 100"]);
    await Deno.writeTextFile(path, "good again");
    for (let count = 0; count < 5; count++) await watched.look();
    assertEquals(watched.heard.slice(2), ["good again"]);
  }));

Deno.test("a file that is gone for a moment only has not changed", () =>
  withFile(async (path, watched) => {
    await Deno.rename(path, `${path}.away`);
    await watched.look();
    await Deno.rename(`${path}.away`, path);
    for (let count = 0; count < 5; count++) await watched.look();
    // Renaming changes the file's own times: it is read again, and nothing was told in between.
    assertEquals(watched.heard.filter((text) => text !== "first"), []);
  }));

Deno.test("a file that is not watched any more is not looked at", () =>
  withFile(async (path, watched) => {
    await Deno.writeTextFile(path, "second");
    await watched.look();
    await watched.file.close();
    assertEquals(watched.file.tick(watched.now + 1000), Infinity);
    await watched.file.whenLooked();
    assertEquals(watched.heard, []);
  }));
