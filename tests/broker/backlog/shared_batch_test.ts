/**
 * Large batches to many streams: all streams hold the same bytes, and nothing happens to these.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { encodeBatch } from "../../../protocol.ts";
import { Backlog } from "../../../src/broker/backlog/backlog.ts";
import { Residency, SLAB_BYTES_MAX } from "../../../src/broker/backlog/residency.ts";
import { shareBatch, SharedBatch } from "../../../src/broker/backlog/shared_batch.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";
import { batchOf } from "../../support/wire/batches.ts";

/** The bytes in front of each body. */
const HEAD = 8;

Deno.test("shareBatch() shares what would be many bytes, and copies small batches", () => {
  const MEGABYTE = 1024 * 1024;
  for (
    const [size, streams, isShared] of [
      [8 * MEGABYTE, 1, false],
      [8 * MEGABYTE, 2, true],
      [MEGABYTE, 7, false],
      [MEGABYTE, 8, true],
      [4096, 2047, false],
      [4096, 2048, true],
      [4095, 100_000, false],
    ] as const
  ) {
    const batch = batchOf(size - HEAD);
    const shared = shareBatch(batch, streams);
    assertEquals([size, streams, shared instanceof SharedBatch], [size, streams, isShared]);
    if (isShared) assertEquals([shared.count, shared.end - shared.start], [1, size]);
    else assertStrictEquals(shared, batch);
  }
});

Deno.test("a shared batch is held by all backlogs, paged out once each, and never written over", () => {
  let checksums = 0;
  const pager = new class extends MemoryPager {
    override checksum(bytes: Uint8Array): number {
      checksums++;
      return super.checksum(bytes);
    }
  }();
  const segment = pager.begin();
  // A buffer of this size would be used again.
  const batch = batchOf(SLAB_BYTES_MAX - HEAD);
  const place = pager.store(segment, batch);
  const shared = shareBatch(batch, 100);
  assertInstanceOf(shared, SharedBatch);
  // With some for what a hundred slabs take beside their bytes.
  const bytesMax = 4 * SLAB_BYTES_MAX + 10.5 * SLAB_BYTES_MAX;
  const residency = new Residency({ bytesMax, pager });
  const backlogs = Array.from({ length: 100 }, () => new Backlog(residency));
  for (const backlog of backlogs) backlog.append(1, shared, place);
  assertEquals([segment.liveCount, residency.bytes <= 10 * SLAB_BYTES_MAX], [100, true]);
  assertEquals(checksums, 1);
  const resident = backlogs.filter(({ slabBytes }) => slabBytes > SLAB_BYTES_MAX);
  assertEquals(resident.length, 10);
  for (const backlog of resident) {
    assertStrictEquals(backlog.read(1, 1, Infinity).buffer, shared.buffer);
    backlog.forget(1, 1);
  }
  assert(residency.allocate(SLAB_BYTES_MAX) !== shared.buffer);
  const wanted = batch.buffer.subarray(batch.start, batch.end);
  for (const backlog of backlogs.filter(({ count }) => count > 0)) {
    const { buffer, start, end } = backlog.read(1, 1, Infinity);
    assertEquals(buffer.subarray(start, end), wanted);
    assert(buffer !== shared.buffer);
  }
});

Deno.test("a shared batch does not make the next slabs large, nor does it take more messages", () => {
  const residency = new Residency({ bytesMax: 1e9, pager: undefined });
  const backlog = new Backlog(residency);
  const small = batchOf(10);
  const shared = shareBatch(batchOf(1024 * 1024), 1000);
  backlog.append(1, small);
  backlog.append(2, shared);
  const before = residency.bytes;
  backlog.append(3, small);
  assertEquals(residency.bytes - before, 1024);
  assertEquals([backlog.count, backlog.bytes], [3, 36 + shared.end]);
  for (const id of [1, 2, 3]) assertEquals(backlog.read(id, 1, Infinity).count, 1);
  assertEquals(backlog.forget(1, 3), 36 + shared.end);
});

Deno.test("one message by pattern to a thousand streams is in memory once", () => {
  const test = new TestBroker();
  for (let index = 0; index < 1000; index++) test.create(`orders.${index}`);
  const { publisher } = test.publisher(/^orders\./);
  const body = new Uint8Array(100_000).fill(7);
  const batch = encodeBatch([{ kind: 0, headers: {}, body }]);
  const bytes = batch.end - batch.start;
  publisher.publish({ ...batch, bytes, sequence: 1, settled: 0 });
  // The bytes of a batch are another one's soon.
  batch.buffer.fill(0);
  const buffers = new Set<Uint8Array>();
  for (const stream of test.broker.state.router.streams) {
    const { buffer, start, end } = stream.backlog.read(1, 1, Infinity);
    assertEquals([buffer[end - 1], end - start], [7, bytes]);
    buffers.add(buffer);
  }
  assertEquals([buffers.size, test.broker.state.bytes], [1, 1000 * bytes]);
});
