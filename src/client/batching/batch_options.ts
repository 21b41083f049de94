import {
  checkHandler,
  type ResolvedWorkOptions,
  resolveWorkOptions,
} from "../handling/handle_options.ts";
import { WORK_OPTION_NAMES, type WorkOptions } from "../handling/handle_options.ts";
import type { CallOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames, TIMER_MS_MAX } from "../member/option_check.ts";
import type { Batch } from "./batch.ts";

/** The most messages of a batch. */
const SIZE_MAX = 4096;

/** The usual number of messages. */
const SIZE_DEFAULT = 100;

/** What the messages of a batch have in common. */
export type BatchBy = "stream" | "key" | "lane" | null;

/** Which messages make up a batch. */
export interface BatchShape {
  /**
   * The most messages, 1 to 4,096. A batch has no more than 16 MiB, or what the broker lets a follower hold.
   *
   * @default {100}
   */
  readonly size?: number;
  /**
   * How long a batch waits for further messages after its first one, in milliseconds, 0 to 2^31 - 1. Without a wait,
   * what is there goes at once.
   *
   * @default {0}
   */
  readonly waitMs?: number;
  /**
   * The least messages, 1 to `size`. Fewer wait for more, however long that takes; unless no more can come, since
   * the batch has 16 MiB or the follower holds as many messages as it may.
   *
   * @default {1}
   */
  readonly minSize?: number;
  /**
   * What the messages of a batch have in common: their stream, their lane, or their key. With `"key"`, a batch has
   * several messages of one key, in order, and nobody else gets that key before the batch is done; messages
   * without a key go together. Otherwise a batch has at most one message of a key.
   *
   * @default {null}
   */
  readonly by?: BatchBy;
}

/** Options of {@linkcode Follower.getBatches}. */
export interface GetBatchesOptions extends BatchShape, CallOptions {
  /** Ends the loop, with the signal's reason as an error. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode Follower.handleBatches}. `concurrency` counts batches. */
export interface HandleBatchesOptions<Body = unknown>
  extends BatchShape, WorkOptions<Batch<Body>> {}

/** {@linkcode BatchShape}, completed. */
export type ResolvedBatchShape = Required<BatchShape>;

const SHAPE_NAMES = ["size", "waitMs", "minSize", "by"];

/** Checks and completes the options of {@linkcode Follower.getBatches}. */
export function resolveGetBatches(options: GetBatchesOptions): ResolvedBatchShape {
  const action = "Cannot get batches";
  refuseAutoAck(options, action);
  checkOptionNames(options, [...SHAPE_NAMES, "signal"], action);
  return resolveShape(options, action);
}

/** Checks and completes the options of {@linkcode Follower.handleBatches}. */
export function resolveHandleBatches(
  handler: unknown,
  options: HandleBatchesOptions,
  drainMs: number,
): { readonly shape: ResolvedBatchShape; readonly work: ResolvedWorkOptions<Batch> } {
  const action = "Cannot handle batches";
  checkHandler(handler, action);
  refuseAutoAck(options, action);
  checkOptionNames(options, [...SHAPE_NAMES, ...WORK_OPTION_NAMES], action);
  const shape = resolveShape(options, action);
  return { shape, work: resolveWorkOptions(options, drainMs, action) };
}

function resolveShape(options: BatchShape, action: string): ResolvedBatchShape {
  const { size = SIZE_DEFAULT, waitMs = 0, minSize = 1, by = null } = options;
  checkNumber("size", size, { low: 1, high: SIZE_MAX }, action);
  checkNumber("waitMs", waitMs, { low: 0, high: TIMER_MS_MAX }, action);
  checkNumber("minSize", minSize, { low: 1, high: size }, action);
  if (by !== null && by !== "stream" && by !== "key" && by !== "lane") {
    throw new TypeError(`${action}: by must be "stream", "key", "lane" or null`);
  }
  return { size, waitMs, minSize, by };
}

function refuseAutoAck(options: unknown, action: string): void {
  if ((options as { autoAck?: unknown } | null)?.autoAck === undefined) return;
  throw new TypeError(
    `${action}: autoAck does not go with batches, whose messages have no outcome until somebody says it; ` +
      `getMessages({ autoAck: true }) acknowledges before`,
  );
}
