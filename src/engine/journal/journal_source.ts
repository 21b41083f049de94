import type { LoggedState } from "../../broker/event_log.ts";
import type { OpenSegment, SegmentList } from "./segments/segment_list.ts";

/** Where the bytes of a journal come from, if others have them, too. */
export interface JournalSource {
  /** Fills the segments, applies their events, and begins a segment. */
  begin(parts: OpeningJournal): Promise<OpenSegment>;
  /** Until it is open: the position before which what was read is complete. */
  readonly position: number;
  /** Everything is flushed, and nothing more will come. */
  end(): Promise<void>;
}

/** A journal that is being opened. */
export interface OpeningJournal {
  readonly state: LoggedState;
  /** Makes the list of its segments, once its id is known. */
  begin(journalId: number): SegmentList;
}
