import { Oid, readCertificateFields } from "./certificate_fields.ts";
import { NameTag } from "./certificate_names.ts";
import { DerTag, objectId, readElements } from "./der.ts";

const COMMON_NAME = objectId(Oid.commonName);
const ALTERNATIVE_NAMES = objectId(Oid.alternativeNames);

/** The kinds of alternative names that are texts. */
const TEXT_NAMES: readonly number[] = [NameTag.mail, NameTag.host, NameTag.uri];

/** The kinds of texts that are read as UTF-8; certificates of today have no others. */
const TEXT_TAGS: readonly number[] = [DerTag.text, 0x13, 0x16];

/** An invisible character at the beginning makes another name of it, too. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads the names in a certificate: the common name of its owner, and all alternative names. Each name is
 * whole: texts that list them leave open where one ends.
 *
 * @param certificate The certificate, as DER, which TLS has checked.
 */
export function readPeerNames(certificate: Uint8Array): string[] {
  const { subject, extensions } = readCertificateFields(certificate);
  const names = readCommonName(subject.content);
  for (const { id, value } of extensions) {
    if (!ALTERNATIVE_NAMES.equals(id)) continue;
    for (const { tag, content } of readElements(readElements(value)[0]!.content)) {
      if (TEXT_NAMES.includes(tag)) names.push(decoder.decode(content));
      if (tag === NameTag.address) names.push(formatIp(content));
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
      if (!COMMON_NAME.equals(id!.bytes) || !TEXT_TAGS.includes(value!.tag)) continue;
      names.push(decoder.decode(value!.content));
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
