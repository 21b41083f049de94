import { FrameType, SPAN_MS_MAX } from "../../../protocol.ts";
import { findNumberMistake, findOptionMistake } from "../member/option_check.ts";
import type { DeliveryAction } from "./delivery_mistake.ts";
import { describeReason, type FailureNote } from "./delivery_notes.ts";
import type { AckOptions, NackOptions, PostponeOptions } from "./message.ts";

const ACK_NAMES = ["confirm", "signal"];
const NACK_NAMES = ["delayMs", "reason", "fault", ...ACK_NAMES];
const POSTPONE_NAMES = ["reason", "lane", ...ACK_NAMES];

/** What is wrong with the options of an acknowledgement or a release. */
export function findAckMistake(options: AckOptions, action: DeliveryAction): Error | undefined {
  return findOptionMistake(options, ACK_NAMES, `Cannot ${action}`);
}

/** What is wrong with a time. */
export function findSpanMistake(
  action: DeliveryAction,
  name: string,
  span: unknown,
  low: number,
): Error | undefined {
  return findNumberMistake(name, span, { low, high: SPAN_MS_MAX }, `Cannot ${action} a message`);
}

/**
 * What the broker is told of a failure, or what is wrong with the options.
 *
 * @param knowsWork Whether the broker knows of faults.
 */
export function readNack(options: NackOptions, knowsWork: boolean): FailureNote | Error {
  const { delayMs, fault, reason } = options ?? {};
  const mistake = findOptionMistake(options, NACK_NAMES, "Cannot nack") ??
    (delayMs === undefined ? undefined : findSpanMistake("nack", "delayMs", delayMs, 0)) ??
    findFaultMistake(fault);
  if (mistake !== undefined) return mistake;
  const note = { type: FrameType.nack, ms: delayMs, reason: describeReason(reason) };
  return fault !== undefined && knowsWork ? { ...note, isFault: true } : note;
}

/** What the broker is told of a message that comes again later, or what is wrong with the options. */
export function readPostpone(
  ms: number,
  options: PostponeOptions,
  knowsWork: boolean,
): FailureNote | Error {
  const mistake = findSpanMistake("postpone", "ms", ms, 0) ??
    findOptionMistake(options, POSTPONE_NAMES, "Cannot postpone") ??
    (options.lane === undefined
      ? undefined
      : findSpanMistake("postpone", "lane", options.lane, ms));
  if (mistake !== undefined) return mistake;
  const { lane, reason } = options;
  return {
    type: FrameType.nack,
    ms: lane ?? ms,
    reason: describeReason(reason),
    // An earlier broker gives the message back as late, with its attempt counted.
    ...knowsWork && { isPostponed: true, holdsLane: lane !== undefined },
  };
}

/** What the broker is told of a message that should not come again, or what is wrong with the options. */
export function readReject(
  reason: string | Error | undefined,
  options: AckOptions,
): FailureNote | Error {
  const mistake = findAckMistake(options, "reject");
  return mistake ?? { type: FrameType.reject, ms: undefined, reason: describeReason(reason) };
}

function findFaultMistake(fault: unknown): Error | undefined {
  if (fault === undefined || fault === "downstream") return undefined;
  const found = typeof fault === "string" ? JSON.stringify(fault) : typeof fault;
  const text = `Cannot nack a message: fault is "downstream" or left out, found ${found}`;
  return typeof fault === "string" ? new RangeError(text) : new TypeError(text);
}
