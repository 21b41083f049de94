import { assert, assertEquals } from "@std/assert";
import { turn } from "../../support/broker/broker.ts";
import { CommitterUse, settled } from "./committer_use.ts";

// A disk that fails.

// There may be no room for a flush on some file systems: that is a failure as well.
for (
  const [call, nth, code] of [["write", 1, "EIO"], ["flush", 2, "EIO"], [
    "flush",
    2,
    "ENOSPC",
  ]] as const
) {
  Deno.test(`Committer: after a ${call} that fails with ${code} nothing is confirmed ever again`, async () => {
    const use = await CommitterUse.begin();
    use.disk.failAt(nth, code);
    use.store("a");
    use.whenDurable("one");
    await settled();
    assert(!use.take().some((line) => /stored|settled|refused/.test(line)));
    assertEquals(use.failures.length, 1);
    assertEquals((use.failures[0] as { code?: string }).code, code);
    assertEquals(use.committer.hasFailed, true);
    use.store("b");
    use.acknowledge(1);
    use.whenDurable("two");
    use.committer.flush();
    use.committer.tick(use.now += 10_000);
    for (let round = 0; round < 3; round++) {
      await turn();
      await settled();
    }
    assertEquals(await use.committer.close(), undefined);
    assertEquals(use.take(), []);
    assertEquals(use.failures.length, 1);
    assertEquals(use.committer.durable, 0);
  });
}

Deno.test("Committer: a flush that fails while more is waiting confirms none of it", async () => {
  const use = await CommitterUse.begin();
  use.store("a");
  await settled();
  use.take();
  use.isHeld = true;
  use.disk.failAt(2, "EIO");
  use.store("b");
  await settled();
  use.store("c");
  const closed = use.committer.close();
  use.release();
  assertEquals(await closed, undefined);
  await settled();
  assertEquals(use.take(), ["write", "flush"]);
  assertEquals(use.failures.length, 1);
});

Deno.test("Committer: what is being flushed when it gives up is not confirmed any more", async () => {
  const use = await CommitterUse.begin();
  use.isHeld = true;
  use.store("a");
  use.whenDurable("one");
  await settled();
  use.committer.giveUp(new Error("the directory is gone"));
  use.release();
  await settled();
  assertEquals(use.take(), ["write", "flush"]);
  assertEquals(use.failures.length, 1);
});

// A disk that is full.

Deno.test("Committer: without room messages are refused in order, and acknowledgements written", async () => {
  const use = await CommitterUse.begin();
  use.store("before");
  await settled();
  use.take();
  use.disk.failAt(1, "ENOSPC");
  use.acknowledge(1);
  use.store("a");
  use.store("b");
  use.whenDurable("one");
  use.acknowledge(2);
  await settled();
  assertEquals(use.take(), [
    // What has been written of it must not be found after a crash.
    ...["cut", "flush", "use reserve", "refused a DISK_FULL", "refused b DISK_FULL"],
    ...["write", "flush", "durable one"],
  ]);
  assertEquals(use.read(), ["proves before", "proves ack 1+2"]);
  use.store("after");
  await settled();
  assertEquals(use.take(), ["write", "flush", "stored after"]);
  assertEquals(use.failures, []);
});

Deno.test("Committer: what comes after messages that are refused is refused as well", async () => {
  const use = await CommitterUse.begin();
  const large = "x".repeat(1_100_000);
  use.isHeld = true;
  use.store("before");
  await settled();
  use.take();
  // Five groups of two pieces, of which four are written together; the second of those fails halfway.
  for (let index = 1; index <= 5; index++) use.store(`${index}${large}`);
  use.disk.failAt(5, "ENOSPC");
  use.isHeld = false;
  use.release();
  await settled();
  const name = (index: number) => `${index}${"x".repeat(19)}`;
  assertEquals(use.take(), [
    ...["stored before", "write", "write", "write", "cut", "flush", "use reserve"],
    ...[2, 3, 4, 5].map((index) => `refused ${name(index)} DISK_FULL`),
    ...["flush", `stored ${name(1)}`],
  ]);
});

Deno.test("Committer: what is given while it is refused is refused, too", async () => {
  const use = await CommitterUse.begin();
  use.disk.failAt(1, "ENOSPC");
  use.isHeld = true;
  use.store("a");
  await settled();
  assertEquals(use.take(), ["cut", "flush"]);
  use.store("b");
  use.isHeld = false;
  use.release();
  await settled();
  assertEquals(use.take(), ["use reserve", "refused a DISK_FULL", "refused b DISK_FULL"]);
  assertEquals(use.read(), []);
});

Deno.test("Committer: without any room it waits, and goes on in order when there is some", async () => {
  const use = await CommitterUse.begin();
  use.disk.capacity = 10;
  use.acknowledge(1);
  use.whenDurable("one");
  await settled();
  assert(!use.take().some((line) => line.startsWith("settled")));
  assertEquals(use.committer.tick(use.now), use.now + 250);
  use.whenDurable("two");
  use.acknowledge(2);
  await turn();
  await settled();
  use.committer.tick(use.now += 250);
  await settled();
  assert(!use.take().some((line) => line.startsWith("settled")));
  use.disk.capacity = undefined;
  use.committer.tick(use.now += 249);
  await settled();
  assertEquals(use.take(), []);
  use.committer.tick(use.now += 250);
  await settled();
  assertEquals(use.take(), ["write", "write", "flush", "durable one", "durable two"]);
  assertEquals(use.read(), ["proves ack 1+1", "ack 2+1"]);
  assertEquals(use.failures, []);
});

Deno.test("Committer: closing without any room leaves no mark, and ends", async () => {
  const use = await CommitterUse.begin();
  use.disk.capacity = 10;
  use.acknowledge(1);
  assertEquals(await use.committer.close(), undefined);
  assertEquals(use.failures, []);
});
