/**
 * A cursor's requests and their answers, and the frame that gives a stream its number.
 *
 * @module
 */

import { BrokerError } from "./error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";

/** What a cursor can ask for. */
export const OPERATIONS = [
  "createStream",
  "deleteStream",
  "getStreams",
  "getStream",
  "getPels",
  "getPel",
] as const;

/** One of the {@linkcode OPERATIONS}. */
export type Operation = typeof OPERATIONS[number];

/** `request`: an operation of a cursor. */
export interface RequestFields {
  /** The number that the answer will carry, chosen by the client, not 0. */
  readonly request: number;
  /** What is asked for. */
  readonly operation: Operation;
  /** The stream, or for `getPel` the follower, that is meant; empty where none is. */
  readonly name: string;
}

/** What a stream looks like from outside, at one moment. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** Messages that wait to be taken. */
  readonly ready: number;
  /** Messages that followers have taken and not acknowledged. */
  readonly pending: number;
  /** Followers that take from it. */
  readonly followers: number;
  /** The bytes of its messages, ready and pending, with their headers. */
  readonly bytes: number;
  /** The id that the next message will get. */
  readonly nextId: number;
  /** What a confirm promises in this stream. */
  readonly durability: string;
}

/** A delivery that is not acknowledged yet: one entry of a pending entry list. */
export interface PendingEntry {
  /** The stream that the message is in. */
  readonly stream: string;
  /** The message's id in that stream. */
  readonly id: number;
  /** How often it has been delivered, this delivery included. */
  readonly attempts: number;
  /** When it was delivered, in milliseconds since 1970. */
  readonly deliveredAt: number;
}

/** The entries that the followers of one name hold. */
export interface PendingEntryList {
  /** The followers' name. */
  readonly follower: string;
  /** How many they hold. */
  readonly count: number;
  /** What they hold, in the order of delivery: 50,000 entries at most in one answer. */
  readonly entries: readonly PendingEntry[];
}

/** Writes a `request` frame. */
export function writeRequest(writer: FrameWriter, fields: RequestFields): void {
  const { request, operation, name } = fields;
  writer.begin(FrameType.request);
  writer.u32(request);
  writer.json({ operation, name });
  writer.end();
}

/** Reads a `request` frame's number; {@linkcode readOperation} reads what follows. */
export function readRequestNumber(decoder: FrameDecoder): number {
  const request = decoder.u32();
  if (request === 0) throw new BrokerError("BAD_FRAME", "Cannot read a request: its number is 0");
  return request;
}

/**
 * Reads what a request asks for.
 *
 * @throws {BrokerError} With code `BAD_REQUEST` if there is no such operation.
 */
export function readOperation(decoder: FrameDecoder): { operation: Operation; name: string } {
  const content = decoder.json();
  const fields = typeof content === "object" && content !== null ? content : {};
  const operation = "operation" in fields ? fields.operation : undefined;
  const name = "name" in fields ? fields.name : "";
  if (!OPERATIONS.includes(operation as Operation) || typeof name !== "string") {
    throw new BrokerError(
      "BAD_REQUEST",
      `Cannot carry out a request: "operation" is one of ${OPERATIONS.join(", ")}, ` +
        `"name" a string`,
    );
  }
  return { operation: operation as Operation, name };
}

/** Writes a `response` frame; `result` is what was asked for, or `null`. */
export function writeResponse(writer: FrameWriter, request: number, result: unknown): void {
  writer.begin(FrameType.response);
  writer.u32(request);
  writer.json(result);
  writer.end();
}

/** Reads a `response` frame. */
export function readResponse(decoder: FrameDecoder): { request: number; result: unknown } {
  return { request: decoder.u32(), result: decoder.json() };
}

/** Writes a `stream` frame. */
export function writeStream(writer: FrameWriter, stream: number, name: string): void {
  writer.begin(FrameType.stream);
  writer.u32(stream);
  writer.text(name);
  writer.end();
}

/** Reads a `stream` frame. */
export function readStream(decoder: FrameDecoder): { stream: number; name: string } {
  return { stream: decoder.u32(), name: decoder.text() };
}
