import { DerTag, readElements } from "./der.ts";

/** The numbers of the attributes and extensions that have names, as DER: 2.5.4.3 and 2.5.29.17. */
const COMMON_NAME = "06 03 55 04 03";
const ALTERNATIVE_NAMES = "06 03 55 1d 11";

/** The fields of a certificate that have tags of their own. */
const VERSION_TAG = 0xa0;
const EXTENSIONS_TAG = 0xa3;

/** The kinds of alternative names that are texts: mail address, name of a machine, URI. */
const TEXT_NAMES: readonly number[] = [0x81, 0x82, 0x86];
const ADDRESS_NAME = 0x87;

/** The kinds of texts that are read as UTF-8; certificates of today have no others. */
const TEXT_TAGS: readonly number[] = [DerTag.text, 0x13, 0x16];

/**
 * Reads the names in a certificate: the common name of its owner, and all alternative names. Each name is
 * whole: texts that list them leave open where one ends.
 *
 * @param certificate The certificate, as DER, which TLS has checked.
 */
export function readPeerNames(certificate: Uint8Array): string[] {
  const [body] = readElements(readElements(certificate)[0]!.content);
  const fields = readElements(body!.content).filter(({ tag }) => tag !== VERSION_TAG);
  const [, , , , subject] = fields;
  const names = [...readCommonName(subject!.content)];
  const extensions = fields.find(({ tag }) => tag === EXTENSIONS_TAG);
  if (extensions === undefined) return names;
  for (const { content } of readElements(readElements(extensions.content)[0]!.content)) {
    const [id, ...rest] = readElements(content);
    if (hex(id!.bytes) !== ALTERNATIVE_NAMES) continue;
    for (const { tag, content } of readElements(readElements(rest.at(-1)!.content)[0]!.content)) {
      if (TEXT_NAMES.includes(tag)) names.push(new TextDecoder().decode(content));
      if (tag === ADDRESS_NAME) names.push(formatIp(content));
    }
  }
  return [...new Set(names)];
}

/** Of several common names none is meant more than the others, so none counts. */
function readCommonName(subject: Uint8Array): string[] {
  const names: string[] = [];
  for (const { content } of readElements(subject)) {
    for (const attribute of readElements(content)) {
      const [id, value] = readElements(attribute.content);
      if (hex(id!.bytes) !== COMMON_NAME || !TEXT_TAGS.includes(value!.tag)) continue;
      names.push(new TextDecoder().decode(value!.content));
    }
  }
  return names.length === 1 ? names : [];
}

/** Writes an address in its shortest form. */
function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => {
    return (bytes[2 * index]! << 8 | bytes[2 * index + 1]!).toString(16);
  });
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
