/**
 * The consumer group that all followers of a stream share.
 *
 * @module
 */

/** Its name. */
export const GROUP = "bench";
