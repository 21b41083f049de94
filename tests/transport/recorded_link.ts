// What tests of links need: an owner that writes down what it is told, and frames with numbers.

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import { FrameDecoder, FrameType } from "../../protocol.ts";
import type { Duplex } from "../../src/transport/duplex.ts";
import { Link, type LinkOwner } from "../../src/transport/link.ts";
import { frameOf, push, u32 } from "../support/wire/frames.ts";

export const FRAME_BYTES_MAX = 10_000;

/** An owner that writes down the numbers in `credit` frames, and counts what it is told. */
export class RecordingOwner implements LinkOwner {
  readonly numbers: number[] = [];
  readyCount = 0;
  closedCount = 0;
  onFrame: (number: number) => void = () => {};
  onReady: () => void = () => {};
  gate: Promise<void> | undefined;

  handleFrame(frame: FrameDecoder): void {
    const number = frame.u32();
    this.numbers.push(number);
    this.onFrame(number);
  }

  handleReady(): void {
    this.readyCount++;
    this.onReady();
  }

  handleClosed(): void {
    this.closedCount++;
  }

  waitToRead(): Promise<void> | undefined {
    return this.gate;
  }
}

export function linkOn(duplex: Duplex): { link: Link; owner: RecordingOwner } {
  const owner = new RecordingOwner();
  return { link: new Link(duplex, owner, FRAME_BYTES_MAX), owner };
}

/** Writes a frame with a number, and some more bytes. */
export function writeNumber(link: Link, number: number, moreBytes = 0): void {
  link.writer.begin(FrameType.credit);
  link.writer.u32(number);
  link.writer.bytes(new Uint8Array(moreBytes).fill(number));
  link.writer.end();
}

/** A frame with a number, as bytes. */
export const numberFrame = (number: number): Uint8Array =>
  frameOf(FrameType.credit, ...u32(number));

/** The numbers in frames, after a look at what is behind them. */
export function numbersIn(bytes: readonly number[]): number[] {
  const decoder = new FrameDecoder(FRAME_BYTES_MAX);
  push(decoder, new Uint8Array(bytes));
  const numbers: number[] = [];
  while (decoder.next()) {
    const number = decoder.u32();
    numbers.push(number);
    const rest = decoder.buffer.subarray(decoder.offset, decoder.end);
    assert(rest.every((byte) => byte === (number & 0xff)), `frame ${number} is whole`);
  }
  assertEquals(decoder.pendingBytes, 0);
  return numbers;
}

/** Lets everything happen that can happen without anybody from outside: two turns of the loop. */
export async function turn(): Promise<void> {
  for (let left = 2; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}

// Frames in order.
