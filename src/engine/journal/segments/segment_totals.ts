/**
 * Sums over the segments of one journal, kept as they change: a journal may have thousands of them, and
 * is asked for this with every group.
 */
export class SegmentTotals {
  /** How many bytes they have. */
  bytes = 0;
  /** How many messages in them are not gone. */
  liveCount = 0;
  /** The bytes of those. */
  liveBytes = 0;
}
