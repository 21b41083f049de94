import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import type { TlsCredentials } from "../../transport/tls_acceptor.ts";
import { findCertificates } from "./certificate_check.ts";
import { Oid, readCertificateFields } from "./certificate_fields.ts";
import { type DerElement, objectId, readElements } from "./der.ts";

/** The tag of the key's id in an authority's id. */
const KEY_ID_TAG = 0x80;

/**
 * Makes a mark of who has signed a certificate, and of the authorities of clients' certificates: the same for
 * certificates of several machines, if those who trust one trust the others.
 */
export function markAuthorities({ certificate, clientCa = "" }: TlsCredentials): string {
  const hash = createHash("sha256");
  // Behind the broker's own stand those between it and the authority.
  const top = findCertificates(certificate).at(-1);
  if (top !== undefined) hash.update(describeIssuer(new X509Certificate(top).raw));
  const clients = findCertificates(clientCa).map((text) => new X509Certificate(text));
  for (const print of new Set(clients.map(({ fingerprint256 }) => fingerprint256).sort())) {
    hash.update(print);
  }
  return hash.digest("hex");
}

/** The name of an authority, and the id of its key: two authorities for development have one name. */
function describeIssuer(certificate: Uint8Array): Uint8Array {
  const { issuer, subject, extensions } = readCertificateFields(certificate);
  const find = (id: string): Uint8Array | undefined =>
    extensions.find((one) => Buffer.compare(one.id, objectId(id)) === 0)?.value;
  const named = find(Oid.authorityKeyId);
  const own = find(Oid.subjectKeyId);
  const isOwn = Buffer.compare(issuer.bytes, subject.bytes) === 0;
  const keyId = named !== undefined ? findKeyId(readElements(named)[0]) : undefined;
  const key = keyId ?? (isOwn && own !== undefined ? readElements(own)[0]?.content : undefined);
  return Buffer.concat([issuer.bytes, ...key === undefined ? [] : [key]]);
}

function findKeyId(authorityKeyId: DerElement | undefined): Uint8Array | undefined {
  if (authorityKeyId === undefined) return undefined;
  return readElements(authorityKeyId.content).find(({ tag }) => tag === KEY_ID_TAG)?.content;
}
