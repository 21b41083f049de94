import { joinBytes, readU16, writeU16 } from "../bytes.ts";
import { BrokerError } from "../error.ts";
import { HEADER_BYTES_MAX } from "../limits.ts";
import { decodeUtf8, encodeUtf8, findTextMistake, isUtf8 } from "../utf8.ts";

/**
 * Encodes headers.
 *
 * @param headers Names and values.
 * @param action The action that fails if they are not allowed, for error messages.
 * @throws {TypeError} If the headers are not a plain object of strings.
 * @throws {RangeError} If a name is empty or too long, or all together are over
 * {@linkcode HEADER_BYTES_MAX}.
 */
export function encodeHeaders(
  headers: Readonly<Record<string, string>>,
  action = "Cannot publish",
): Uint8Array {
  const isPlain = typeof headers === "object" && headers !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(headers));
  if (!isPlain) throw new TypeError(`${action}: headers must be a plain object of strings`);
  const bytes = joinBytes(
    Object.entries(headers).map(([name, value]) => encodeHeader(name, value, action)),
  );
  if (bytes.length <= HEADER_BYTES_MAX) return bytes;
  throw new RangeError(
    `${action}: headers are ${bytes.length} bytes, limit is ${HEADER_BYTES_MAX}`,
  );
}

/** Encodes one header. Values that are too long for their length field are over the limit anyway. */
function encodeHeader(name: string, value: unknown, action: string): Uint8Array {
  if (typeof value !== "string") {
    throw new TypeError(`${action}: the value of header "${name}" is not a string`);
  }
  const fault = findTextMistake(name) ?? findTextMistake(value);
  if (fault !== undefined) {
    const what = name.isWellFormed() ? `the value of header "${name}"` : "the name of a header";
    throw new RangeError(`${action}: ${what} ${fault}`);
  }
  const nameBytes = encodeUtf8(name);
  const valueBytes = encodeUtf8(value);
  if (nameBytes.length === 0 || nameBytes.length > 255) {
    throw new RangeError(
      `${action}: the name of a header must have 1 to 255 bytes, found ${nameBytes.length}`,
    );
  }
  const valueLength = new Uint8Array(2);
  writeU16(valueLength, 0, valueBytes.length);
  return joinBytes([Uint8Array.of(nameBytes.length), nameBytes, valueLength, valueBytes]);
}

/** Decodes the header bytes of one entry, which must have been checked. */
export function decodeHeaders(bytes: Uint8Array): Record<string, string> {
  const pairs: [string, string][] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const valueAt = offset + 1 + bytes[offset]!;
    const end = valueAt + 2 + readU16(bytes, valueAt);
    const name = decodeUtf8(bytes.subarray(offset + 1, valueAt));
    pairs.push([name, decodeUtf8(bytes.subarray(valueAt + 2, end))]);
    offset = end;
  }
  // Own properties, whatever their name: "__proto__" is a header like any other.
  return Object.fromEntries(pairs);
}

/**
 * Checks that header bytes are whole name and value pairs inside the limit.
 *
 * @throws {BrokerError} `HEADERS_TOO_LARGE`, or `BAD_FRAME` if they are something else.
 */
export function checkHeaders(buffer: Uint8Array, start: number, headerBytes: number): void {
  if (headerBytes > HEADER_BYTES_MAX) {
    throw new BrokerError(
      "HEADERS_TOO_LARGE",
      `Cannot publish: headers are ${headerBytes} bytes, limit is ${HEADER_BYTES_MAX}`,
    );
  }
  const end = start + headerBytes;
  let offset = start;
  while (offset < end) {
    const nameBytes = buffer[offset]!;
    const valueAt = offset + 1 + nameBytes;
    if (nameBytes === 0 || valueAt + 2 > end) throw badHeaders("a header is cut short");
    const next = valueAt + 2 + readU16(buffer, valueAt);
    if (next > end) throw badHeaders("a header is cut short");
    if (!isUtf8(buffer, offset + 1, valueAt)) throw badHeaders("a header's name is not UTF-8");
    if (!isUtf8(buffer, valueAt + 2, next)) throw badHeaders("a header's value is not UTF-8");
    offset = next;
  }
}

function badHeaders(why: string): BrokerError {
  return new BrokerError("BAD_FRAME", `Cannot read a batch of messages: ${why}`);
}
