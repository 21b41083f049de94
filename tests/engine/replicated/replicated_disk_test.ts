import { assertEquals } from "@std/assert";
import { RecordIndex } from "../../../src/engine/replicated/following/record_index.ts";
import { RefusedError } from "../../../src/engine/replicated/log.ts";
import { ReplicatedDisk } from "../../../src/engine/replicated/replicated_disk.ts";
import { RECORD_TYPES } from "../../../src/engine/replicated/record.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";
import { recordOf } from "./window/window_use.ts";
import { Chain } from "../../../src/engine/replicated/chain.ts";

Deno.test("replicated disk: a full log lets a segment wait that is to be removed, and ends nothing", async () => {
  const local = new SimulatedDisk({ seed: 1 });
  const index = new RecordIndex(local);
  for (const [sequence, position] of [[1, 0], [2, 64]] as const) {
    local.replace(`${position.toString(16).padStart(16, "0")}.journal`, new Uint8Array(64));
    const bytes = recordOf({ type: RECORD_TYPES.segment, position, number: sequence });
    const taken = new Chain().take(7, bytes);
    const before = { ...new Chain().point, position, sequence: sequence - 1 };
    index.prepare(taken, before);
    index.note(sequence, taken, bytes);
  }
  const calls: string[] = [];
  let isFull = true;
  const disk = new ReplicatedDisk({ local, index });
  disk.begin({
    append: (type) => {
      calls.push(`append ${type}`);
      return isFull ? Promise.reject(new RefusedError("no room", "full")) : Promise.resolve();
    },
    hasRoom: () => true,
    log: "L",
    gate: undefined,
    holdLease: () => Promise.resolve(),
    pause: () => {
      isFull = false;
      calls.push("pause");
      return Promise.resolve();
    },
    trim: (below) => Promise.resolve(void calls.push(`trim ${below}`)),
  });
  await disk.discard("0000000000000000.journal");
  assertEquals(calls, ["append 4", "pause", "append 4", "trim 2"]);
  assertEquals(local.list().map(({ name }) => name).sort(), [
    "0000000000000040.journal",
    "0000000000000040.records",
  ]);
});

Deno.test("replicated disk: pieces behind one that has no room wait with it, and keep their order", async () => {
  const local = new SimulatedDisk({ seed: 1 });
  const disk = new ReplicatedDisk({ local, index: new RecordIndex(local), recordBytes: 10 });
  const calls: string[] = [];
  let room = 25;
  disk.begin({
    append: (type, position, { length }) => {
      calls.push(`${type}: ${length} at ${position}`);
      room -= length;
      return Promise.resolve();
    },
    hasRoom: (_, length) => length <= room,
    log: "L",
    gate: undefined,
    holdLease: () => Promise.resolve(),
    pause: () => {
      calls.push("pause");
      room += 4;
      return Promise.resolve();
    },
    trim: () => Promise.resolve(),
  });
  const file = disk.create("0000000000000000.journal.tmp");
  file.write(new Uint8Array(34), 0);
  await file.sync();
  assertEquals(calls, [
    "7: 10 at 0",
    "2: 10 at 10",
    "pause",
    "pause",
    "2: 10 at 20",
    "pause",
    "2: 4 at 30",
  ]);
});
