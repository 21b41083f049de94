/**
 * What a snapshot tells of streams while what was decided about them is being written.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { UnwrittenStreams } from "../../../src/broker/stream/unwritten_streams.ts";

/** A stream in a snapshot. */
function stream(number: number) {
  return { number, name: `s${number}`, nextId: number * 10 };
}

/** The numbers of the streams that are told when these are there by decision. */
function told(unwritten: UnwrittenStreams, ...decided: readonly number[]): number[] {
  const deleted = [...unwritten.deleted].map(({ number }) => number);
  return [...decided, ...deleted].filter((number) => !unwritten.isCreated(number)).sort();
}

Deno.test("UnwrittenStreams tells of a stream from the moment on that its creation is written", () => {
  const unwritten = new UnwrittenStreams();
  const written = unwritten.create(2);
  assertEquals(told(unwritten, 1, 2), [1]);
  written();
  assertEquals(told(unwritten, 1, 2), [1, 2]);
});

Deno.test("UnwrittenStreams tells of a stream until its deletion is written", () => {
  const unwritten = new UnwrittenStreams();
  const written = unwritten.delete(stream(2));
  assertEquals(told(unwritten, 1), [1, 2]);
  assertEquals([...unwritten.deleted], [stream(2)]);
  written();
  assertEquals(told(unwritten, 1), [1]);
});

Deno.test("UnwrittenStreams tells of a stream that is created and deleted while that is between", () => {
  const unwritten = new UnwrittenStreams();
  const created = unwritten.create(2);
  const deleted = unwritten.delete(stream(2));
  assertEquals(told(unwritten, 1), [1]);
  created();
  assertEquals(told(unwritten, 1), [1, 2]);
  deleted();
  assertEquals(told(unwritten, 1), [1]);
});

Deno.test("UnwrittenStreams tells of the older of two streams of one name until it is gone", () => {
  const unwritten = new UnwrittenStreams();
  const deleted = unwritten.delete(stream(1));
  const created = unwritten.create(2);
  assertEquals(told(unwritten, 2), [1]);
  deleted();
  assertEquals(told(unwritten, 2), []);
  created();
  assertEquals(told(unwritten, 2), [2]);
});
