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
    window: {
      append: (type) => {
        calls.push(`append ${type}`);
        return isFull ? Promise.reject(new RefusedError("no room", "full")) : Promise.resolve();
      },
    },
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
