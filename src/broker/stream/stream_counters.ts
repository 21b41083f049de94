import type { StreamTotals } from "../../../protocol.ts";

/** What has happened to the messages of a stream, or of all of them, since the start. */
export class StreamCounters {
  published = 0;
  delivered = 0;
  acknowledged = 0;
  redelivered = 0;
  nacked = 0;
  timedOut = 0;
  lost = 0;
  rejected = 0;
  exhausted = 0;
  expiredDead = 0;
  expired = 0;
  dropped = 0;

  /** A copy of the figures. */
  describe(): StreamTotals {
    return {
      published: this.published,
      delivered: this.delivered,
      acknowledged: this.acknowledged,
      redelivered: this.redelivered,
      returned: { nack: this.nacked, timeout: this.timedOut, lost: this.lost },
      dead: {
        rejected: this.rejected,
        maxDeliveries: this.exhausted,
        expired: this.expiredDead,
      },
      expired: this.expired,
      dropped: this.dropped,
    };
  }
}
