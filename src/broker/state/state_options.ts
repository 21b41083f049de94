import type { Residency } from "../backlog/residency.ts";
import type { BreakerOwner } from "../breaker/breaker.ts";
import type { KeyedHash } from "../collections/keyed_hash.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { LimitWatch } from "../serving/shared_limit.ts";
import type { LaneWatch, Share } from "../share/share.ts";
import type { PublisherRecord } from "./publisher_record.ts";
import type { PatternCompiler } from "./router.ts";
import type { Store } from "../store/store.ts";
import type { StoreCounters } from "../store/store_counters.ts";
import type { Stream } from "../stream/stream.ts";

export interface BrokerStateOptions {
  readonly compilePattern: PatternCompiler;
  /** Which bytes are in memory, over all streams. */
  readonly residency: Residency;
  /** Counts what happens in all streams together. */
  readonly counters?: StoreCounters;
  /** Hears of each publisher that is forgotten, and when it was lost, if it was. */
  readonly publisherForgotten: (record: PublisherRecord, lostAt?: number) => void;
  /** Hears that a publisher is forgotten before its time, since too many are lost. */
  readonly publisherPushedOut?: (now: number) => void;
  /** Hears of a new stream, and of the followers whose binds match it. */
  readonly streamAdded: (stream: Stream, followers: readonly FollowerState[]) => void;
  /** Hears of a deleted stream, while its messages are still there. */
  readonly streamRemoved: (stream: Stream) => void;
  /** Hears of a stream with new messages, ready or delayed. */
  readonly messagesAdded: (stream: Stream) => void;
  readonly ring?: (store: Store, now: number) => void;
  /** Who hears of probes of a share's breaker. */
  readonly breakerOwner?: (share: Share) => BreakerOwner;
  /** Hears of limits that open. */
  readonly limitWatch: LimitWatch;
  /** Hears what happens in the lanes of streams. */
  readonly laneWatch?: LaneWatch;
  /** The hash of texts that clients choose; without a secret key by default. */
  readonly hash?: KeyedHash | undefined;
}
