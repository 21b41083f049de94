import { Histogram } from "../../broker/collections/histogram.ts";
import type { JournalCounters } from "../../broker/engine_counters.ts";
import type { DiskSpace } from "./segments/disk_space.ts";
import type { SegmentList } from "./segments/segment_list.ts";

/** Counts what a journal writes; its parts count in it, per write and flush. */
export class WriteCounters {
  readonly flush: Histogram = new Histogram();
  writtenBytes = 0;
  compactedBytes = 0;
}

/** The figures of a journal that is open. */
export class OpenJournalCounters extends WriteCounters implements JournalCounters {
  readonly #space: DiskSpace;
  readonly #findSegments: () => SegmentList | undefined;

  constructor(space: DiskSpace, findSegments: () => SegmentList | undefined) {
    super();
    this.#space = space;
    this.#findSegments = findSegments;
  }

  get segments(): number {
    return this.#findSegments()?.all.length ?? 0;
  }

  get diskBytes(): number {
    return this.#findSegments()?.totals.bytes ?? 0;
  }

  get freeBytes(): number | undefined {
    return this.#space.freeBytes;
  }
}
