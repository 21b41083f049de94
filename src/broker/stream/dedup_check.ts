// Messages that were stored before under the same dedup id.

import { BrokerError } from "../../../protocol.ts";
import { PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import type { NumberedBatch } from "../engine.ts";
import type { RememberedMessage } from "../store/dedup_window.ts";
import type { Stream } from "./stream.ts";

/** A message that was stored before under the same dedup id, in one of the streams. */
export interface Duplicate {
  readonly stream: string;
  readonly message: RememberedMessage;
}

/** The dedup id of a batch's only message, if it has one. */
export function readDedupId(batch: NumberedBatch, flags: number): string | undefined {
  if ((flags & PropertyFlag.dedupId) === 0) return undefined;
  if (batch.count === 1) return readProperties(batch.buffer, batch.start).dedupId;
  throw new BrokerError(
    "BAD_FRAME",
    `Cannot publish: a message with a dedup id is the only one of its batch, found ${batch.count}`,
  );
}

export function findDuplicates(
  streams: readonly Stream[],
  dedupId: string,
  now: number,
): Duplicate[] {
  return streams.flatMap(({ name, dedupIds, options }) => {
    const message = dedupIds.find(dedupId, now, options.dedupWindowMs);
    return message === undefined ? [] : [{ stream: name, message }];
  });
}

export function explainNotStored(): BrokerError {
  return new BrokerError(
    "DISK_FULL",
    "Cannot publish: the disk had no room for an earlier message with the same id",
  );
}
