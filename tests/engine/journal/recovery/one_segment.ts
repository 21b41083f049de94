import { nameSegment } from "../../../../src/engine/journal/segments/segment_file.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import type { SegmentBytes } from "../../../support/disk/segment_bytes.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

/** A disk with one segment. */
export function diskWith({ bytes }: SegmentBytes): SimulatedDisk {
  const disk = new SimulatedDisk({ seed: 1 });
  disk.replace(nameSegment(0), bytes);
  return disk;
}

/** What is served of a journal; the disk stays as it is. */
export async function look(disk: SimulatedDisk): Promise<unknown> {
  const engine = await openJournal(disk.clone(1), { fail: () => {} });
  const { served } = await readState(engine);
  await engine.close();
  return served;
}
