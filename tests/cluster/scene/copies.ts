/**
 * Whether brokers have the same, byte for byte: each of them has a copy of the log in its own segments.
 *
 * @module
 */

import { crc32 } from "node:zlib";

/** The name of a segment: its position. */
const SEGMENT = /^([0-9a-f]{16})\.journal$/;

/** A part of a segment that must be everywhere. */
interface Part {
  readonly name: string;
  readonly bytes: number;
}

/** Compares directories; tells of each segment that is not the same everywhere. */
export async function compareCopies(directories: readonly string[]): Promise<string[]> {
  const copies = await Promise.all(directories.map(listParts));
  const faults: string[] = [];
  const [first = [], ...others] = copies;
  for (const { name, bytes } of first) {
    for (const [index, other] of others.entries()) {
      const found = other.find((part) => part.name === name);
      // One that is free may be gone here already, and there not yet.
      if (found === undefined) continue;
      const common = Math.min(bytes, found.bytes);
      const [one, two] = await Promise.all(
        [0, index + 1].map((at) => checksum(`${directories[at]}/${name}`, common)),
      );
      if (one === two) continue;
      faults.push(
        `${name}: the first ${common} bytes differ: ${directories[0]}, ${directories[index + 1]}`,
      );
    }
  }
  return faults;
}

/** The segments of a directory, each up to where the next one begins. */
async function listParts(directory: string): Promise<Part[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) if (SEGMENT.test(name)) names.push(name);
  names.sort();
  return await Promise.all(names.map(async (name, index) => {
    const { size = 0 } = await Deno.stat(`${directory}/${name}`).catch(ignoreMissing) ?? {};
    const next = names[index + 1];
    const room = next === undefined ? Infinity : positionOf(next) - positionOf(name);
    return { name, bytes: Math.min(size, room) };
  }));
}

function positionOf(name: string): number {
  return parseInt(SEGMENT.exec(name)![1]!, 16);
}

async function checksum(path: string, bytes: number): Promise<number> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1024 * 1024);
  let sum = 0;
  for (let left = bytes; left > 0;) {
    const count = await file.read(buffer.subarray(0, Math.min(left, buffer.length)));
    if (count === null) break;
    sum = crc32(buffer.subarray(0, count), sum);
    left -= count;
  }
  return sum;
}

/** A segment may go while it is looked at. */
function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
