import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { TlsCredentials } from "../../transport/tls_acceptor.ts";
import { formatDate } from "../date_text.ts";
import { CertificateError, type CertificatePaths } from "./certificate_files.ts";

/** What is known of a certificate that can be used. */
export interface CertificateFacts {
  /** When it ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Its serial number, in hexadecimal digits. */
  readonly serial: string;
  /** The names of machines in it. */
  readonly hostNames: readonly string[];
}

const CERTIFICATE_RULE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Checks certificates: TLS takes a key of another certificate, or no key at all, without an error, and
 * then every handshake fails.
 *
 * @param credentials What is in the files.
 * @param paths The files, for messages.
 * @param date The time, in milliseconds since 1970.
 * @throws {CertificateError} If they cannot be used.
 */
export function checkCertificates(
  credentials: TlsCredentials,
  paths: CertificatePaths,
  date: number,
): CertificateFacts {
  const mistakes: string[] = [];
  const note = (path: string, mistake: string) => mistakes.push(`file "${path}": ${mistake}`);
  const [leaf] = readCertificates(credentials.certificate, (mistake) => {
    note(paths.certificate, mistake);
  });
  const key = readKey(credentials.key, (mistake) => note(paths.key, mistake));
  if (credentials.clientCa !== undefined) {
    readCertificates(credentials.clientCa, (mistake) => note(paths.clientCa!, mistake));
  }
  if (leaf === undefined || key === undefined || mistakes.length > 0) {
    throw new CertificateError(mistakes);
  }
  if (!leaf.checkPrivateKey(key)) {
    note(paths.key, `found the key of another certificate than that in "${paths.certificate}"`);
  }
  checkUse(leaf, (mistake) => note(paths.certificate, mistake));
  const [from, until] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (date > until) {
    note(
      paths.certificate,
      `found a certificate that ended at ${formatDate(until)}, allowed a valid one`,
    );
  }
  if (date < from) {
    note(paths.certificate, `found a certificate that is not valid before ${formatDate(from)}`);
  }
  if (mistakes.length === 0) {
    const hostNames = readHostNames(leaf);
    return { expiresAt: until, serial: leaf.serialNumber, hostNames };
  }
  throw new CertificateError(mistakes, date < from ? from : Infinity);
}

/** The names of machines that a certificate has, beside addresses. */
function readHostNames({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )DNS:([\w.*-]+)/g)].map(([, name]) => name!);
}

/** Finds what no client takes: what `openssl req -x509` makes by default has both faults. */
function checkUse(leaf: X509Certificate, note: (mistake: string) => void): void {
  if (leaf.ca) {
    note("found the certificate of an authority, allowed one of a server: CA:FALSE");
  }
  if (!leaf.subjectAltName) {
    note("found a certificate without names that clients check, allowed one with subjectAltName");
  }
}

/**
 * Says what is wrong with the certificate of a client, which TLS has refused.
 *
 * @param certificate The certificate, as DER.
 * @param fault The words of the TLS library, which are the same for an expired and for a foreign one.
 * @param date The time, in milliseconds since 1970.
 */
export function explainFault(certificate: Uint8Array, fault: string, date: number): string {
  let from = NaN;
  let until = NaN;
  try {
    const { validFrom, validTo } = new X509Certificate(certificate);
    [from, until] = [Date.parse(validFrom), Date.parse(validTo)];
  } catch {
    // A client may show anything.
  }
  if (date > until) return `it ended at ${formatDate(until)}`;
  if (date < from) return `it is not valid before ${formatDate(from)}`;
  return `no authority in tls.client_ca has signed it for a client (${fault})`;
}

/** Finds the certificates in a text, each as PEM. */
export function findCertificates(text: string): string[] {
  return text.match(CERTIFICATE_RULE) ?? [];
}

function readCertificates(text: string, note: (mistake: string) => void): X509Certificate[] {
  const blocks = findCertificates(text);
  if (blocks.length === 0) {
    const found = /PRIVATE KEY-----/.test(text) ? "a key" : "no certificate";
    note(`found ${found}, allowed a certificate in PEM`);
  }
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      note(`found a certificate that is damaged, number ${index + 1} of ${blocks.length}`);
    }
  }
  return certificates;
}

function readKey(text: string, note: (mistake: string) => void): KeyObject | undefined {
  if (/ENCRYPTED/.test(text)) {
    note("found a key with a passphrase, allowed one without: openssl pkey removes it");
    return undefined;
  }
  try {
    return createPrivateKey(text);
  } catch {
    const found = text.includes("-----BEGIN CERTIFICATE") ? "a certificate" : "no key";
    note(`found ${found}, allowed a private key in PEM`);
    return undefined;
  }
}
