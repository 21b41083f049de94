import { crc32 } from "node:zlib";

/**
 * Fewer bytes are summed up here, at some 1 ns each; a call of the library costs 90 to 200 ns, and is then
 * twenty times as fast (measured).
 */
const SHORT_BYTES = 80;

/** For each of four bytes, the remainder of each of its values. */
const TABLE = makeTable();

/** The CRC-32, as in zlib, of a part of some bytes, continued from that of the bytes before. */
export function sumUp(bytes: Uint8Array, start: number, end: number, before: number): number {
  if (end - start > SHORT_BYTES) return crc32(bytes.subarray(start, end), before);
  let crc = ~before;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    crc ^= bytes[index]! | bytes[index + 1]! << 8 | bytes[index + 2]! << 16 |
      bytes[index + 3]! << 24;
    crc = TABLE[768 + (crc & 0xff)]! ^ TABLE[512 + (crc >>> 8 & 0xff)]! ^
      TABLE[256 + (crc >>> 16 & 0xff)]! ^ TABLE[crc >>> 24]!;
  }
  for (; index < end; index++) crc = TABLE[(crc ^ bytes[index]!) & 0xff]! ^ crc >>> 8;
  return ~crc >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(4 * 256);
  for (let value = 0; value < 256; value++) {
    let rest = value;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ rest >>> 1 : rest >>> 1;
    table[value] = rest;
  }
  for (let index = 256; index < table.length; index++) {
    const before = table[index - 256]!;
    table[index] = table[before & 0xff]! ^ before >>> 8;
  }
  return table;
}
