import { assertEquals } from "@std/assert";
import { LogRoom } from "../../../../src/engine/replicated/log_room.ts";
import { RECORD_TYPES } from "../../../../src/engine/replicated/record.ts";

const MIB = 1024 * 1024;

/** What a room admits: bytes of a segment, a heartbeat, and what makes room. */
function admits(room: LogRoom): boolean[] {
  const { bytes, heartbeat, trim, epoch, release } = RECORD_TYPES;
  return [bytes, heartbeat, trim, epoch, release].map((type) => room.admits(type, 100));
}

Deno.test("log room: each kind of record leaves room for those that are more urgent", () => {
  const room = new LogRoom();
  assertEquals([room.free, ...admits(room)], [Infinity, true, true, true, true, true]);
  const bytesMax = 1024 * MIB;
  room.note({ bytes: 0, bytesMax }, 0);
  assertEquals([room.free, ...admits(room)], [1007 * MIB, true, true, true, true, true]);
  room.note({ bytes: bytesMax - MIB - 500, bytesMax }, 0);
  assertEquals([room.free, ...admits(room)], [0, true, true, true, true, true]);
  room.note({ bytes: bytesMax - MIB, bytesMax }, 0);
  assertEquals(admits(room), [false, true, true, true, true]);
  room.note({ bytes: bytesMax - MIB / 2, bytesMax }, 0);
  assertEquals(admits(room), [false, false, true, true, true]);
  // Of a small log it is a part.
  room.note({ bytes: 0, bytesMax: 64_000 }, 0);
  assertEquals([room.free, room.admits(RECORD_TYPES.bytes, 63_000)], [59_000, false]);
  assertEquals(room.admits(RECORD_TYPES.bytes, 62_680), true);
});

Deno.test("log room: what was appended counts, whether the last answer knew of it or not", async () => {
  const room = new LogRoom();
  const bytesMax = 640_000;
  room.note({ bytes: 100_000, bytesMax }, 0);
  const { free } = room;
  const appends = [1, 2].map(() => Promise.withResolvers<void>());
  const counted = appends.map(({ promise }) => room.count(10_000, promise));
  assertEquals(free - room.free, 20_640);
  appends[0]!.resolve();
  await counted[0];
  // The log is asked, and answers when the second one is there, too.
  const known = room.counted;
  appends[1]!.resolve();
  await counted[1];
  room.note({ bytes: 110_064, bytesMax }, known);
  assertEquals(free - room.free, 10_064 + 10_320);
  room.note({ bytes: 120_128, bytesMax }, room.counted);
  assertEquals(free - room.free, 20_128);
  // What was refused is not there.
  await room.count(10_000, Promise.reject(new Error("full"))).catch(() => {});
  assertEquals(free - room.free, 20_128);
});
