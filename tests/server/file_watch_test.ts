/**
 * Files that are looked at: which changes count, and when. Time is an argument.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FileWatch } from "../../src/server/file_watch.ts";
import { takeTime } from "../support/broker/pace.ts";
import { TestDirectory } from "../support/disk/journals.ts";

/** Watched files, and what their owner has heard. */
class Watched {
  readonly files: FileWatch<string>;
  readonly heard: string[] = [];
  readonly hastened: number[] = [];
  /** What the owner does while it reads. */
  whileReading = () => {};
  now = 1_000_000;
  readonly #paths: readonly string[];

  constructor(...paths: readonly string[]) {
    this.#paths = paths;
    this.files = new FileWatch(paths);
  }

  async begin(first = "first"): Promise<void> {
    assertEquals(await this.files.read(() => this.#read()), first);
    this.files.watch({
      read: () => this.#read(),
      onContent: (content) => this.heard.push(content),
      onFault: ({ message }) => this.heard.push(`fault: ${message}`),
      hasten: (at) => this.hastened.push(at),
    });
    await this.look();
  }

  async #read(): Promise<string> {
    const texts = await Promise.all(this.#paths.map((path) => Deno.readTextFile(path)));
    this.whileReading();
    if (texts.includes("bad")) throw new Error("found bad");
    return texts.join("+");
  }

  /** Lets it look as soon as it wants to; resolves to how long that was, in milliseconds. */
  async look(): Promise<number> {
    const before = this.now;
    this.now = Math.max(this.now, this.files.tick(-Infinity));
    this.files.tick(this.now);
    await this.files.whenLooked();
    return this.now - before;
  }
}

async function withFile(test: (path: string, watched: Watched) => Promise<void>): Promise<void> {
  using _ = takeTime();
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/file`;
  await Deno.writeTextFile(path, "first");
  const watched = new Watched(path);
  await watched.begin();
  await test(path, watched);
  await watched.files.close();
}

Deno.test("a file that cannot be read at first is an error", async () => {
  await using directory = await TestDirectory.create();
  const watched = new Watched(`${directory.path}/file`);
  await assertRejects(() => watched.begin(), Deno.errors.NotFound);
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
    await Deno.writeTextFile(path, "bad");
    for (let count = 0; count < 5; count++) await watched.look();
    assertEquals(watched.heard.slice(1), ["fault: found bad"]);
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
    await watched.files.close();
    assertEquals(watched.files.tick(watched.now + 1000), Infinity);
    await watched.files.whenLooked();
    assertEquals(watched.heard, []);
  }));

Deno.test("a file that changes while it is read is read again when it is still", () =>
  withFile(async (path, watched) => {
    await Deno.writeTextFile(path, "second");
    await watched.look();
    watched.whileReading = () => {
      watched.whileReading = () => {};
      Deno.writeTextFileSync(path, "the third");
    };
    assertEquals([await watched.look(), watched.heard], [100, []]);
    assertEquals([await watched.look(), watched.heard], [100, ["the third"]]);
  }));

Deno.test("files are read together, when all of them are still", async () => {
  using _ = takeTime();
  await using directory = await TestDirectory.create();
  const [one, two] = [`${directory.path}/one`, `${directory.path}/two`];
  await Deno.writeTextFile(one, "first");
  await Deno.writeTextFile(two, "");
  const watched = new Watched(one, two);
  await watched.begin("first+");
  await Deno.writeTextFile(one, "second");
  await watched.look();
  await Deno.writeTextFile(two, "half");
  await watched.look();
  assertEquals(watched.heard, []);
  await watched.look();
  assertEquals(watched.heard, ["second+half"]);
  await watched.files.close();
});

Deno.test("files that have not changed are read again once after retry()", () =>
  withFile(async (path, watched) => {
    watched.files.retry();
    for (let count = 0; count < 3; count++) await watched.files.look();
    assertEquals(watched.heard, ["first"]);
    await Deno.writeTextFile(path, "second");
    await watched.files.look();
    watched.files.retry();
    await watched.files.look();
    assertEquals(watched.heard, ["first", "second"]);
  }));
