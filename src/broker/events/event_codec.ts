import type { Place } from "../backlog/pager.ts";
import type { Decided, Event, Fact, Failed, Postponed } from "../event.ts";
import { lastReasons, withReasons } from "../failures/failure.ts";
import type { FailedReader } from "./failed_reader.ts";
import { readFacts } from "./fact_list.ts";
import { readMoved, readPublished, readTransferred } from "./message_record.ts";
import { decodeJson, type EncodedRecord, RecordType } from "./record.ts";

/** An event as it is written, without fields that its messages carry or that were written before. */
export function trimEvent(event: Exclude<Decided, Fact>): Exclude<Decided, Fact> {
  return event.type === "failed" || event.type === "postponed" ? trimFailed(event) : event;
}

function trimFailed<E extends Failed | Postponed>(event: E): E {
  const { newReasons, failure } = event;
  if (newReasons === undefined) return { ...event, priority: undefined, lane: undefined };
  const trimmed = withReasons(failure, lastReasons(failure, newReasons));
  return { ...event, priority: undefined, lane: undefined, failure: trimmed };
}

/**
 * Reads the events of a record; messages lie in its buffer.
 *
 * @param failed Reads those of failed messages faster, where there may be very many.
 */
export function readEvents(
  record: EncodedRecord,
  tell: (event: Event) => void,
  place?: Place,
  failed?: FailedReader,
): void {
  switch (record.type) {
    case RecordType.event:
      return tell(failed?.read(record) ?? decodeJson(record) as Event);
    case RecordType.published:
    case RecordType.noted:
    case RecordType.publishedV3:
    case RecordType.publishedV1:
      return tell(readPublished(record, place));
    case RecordType.transferred:
      return tell(readTransferred(record, place));
    case RecordType.moved:
      return tell(readMoved(record, place));
    case RecordType.facts:
      return readFacts(record, tell);
  }
}
