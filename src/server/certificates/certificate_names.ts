import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { element } from "./der.ts";

/** The names of machines that certificates have; a star stands for the first part. */
const HOST_RULE =
  /^(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*$/i;

/** The tags of the alternative names of a certificate. */
export const NameTag = { mail: 0x81, host: 0x82, uri: 0x86, address: 0x87 } as const;

/** Why a certificate cannot name a machine so; `undefined` if it can. */
export function findHostMistake(name: string): string | undefined {
  if (isIP(name) !== 0 && !name.includes("%")) return undefined;
  if (name.length <= 253 && HOST_RULE.test(name) && !/^[\d.]+$/.test(name)) return undefined;
  const shown = name.length <= 80 ? name : `${name.slice(0, 77)}...`;
  return `found ${JSON.stringify(shown)}, allowed a host name, such as broker.example.com or ` +
    `*.example.com, or an address without port, such as 10.0.0.7 or fd00::7`;
}

/** Whether a certificate can have a text as the name of a machine. */
export function isHost(name: string): boolean {
  return findHostMistake(name) === undefined;
}

/** Writes one of a certificate's alternative names: a machine's name or its address. */
export function writeAlternativeName(name: string): Buffer {
  const mistake = findHostMistake(name);
  if (mistake !== undefined) throw new TypeError(`Cannot make a certificate: ${mistake}`);
  switch (isIP(name)) {
    case 4:
      return element(NameTag.address, Uint8Array.from(name.split("."), Number));
    case 6:
      return element(NameTag.address, readAddress6(name));
    default:
      return element(NameTag.host, Buffer.from(name.toLowerCase()));
  }
}

function readAddress6(address: string): Uint8Array {
  // A URL writes every address in one form: groups in hexadecimal digits, one gap at most.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const read = (part: string) => part === "" ? [] : part.split(":").map((x) => parseInt(x, 16));
  const [before, after] = [read(head), read(tail ?? "")];
  const gap = new Array(8 - before.length - after.length).fill(0);
  return Uint8Array.from(
    [...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 255]),
  );
}
