import { type DerElement, DerTag, readElements } from "./der.ts";

/** The numbers of what is in a certificate. */
export const Oid = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeNames: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** An extension of a certificate. */
export interface Extension {
  /** Its number, as DER. */
  readonly id: Uint8Array;
  /** Bytes; those of the standard extensions are DER. */
  readonly value: Uint8Array;
}

/** The fields of a certificate that are read here. */
export interface CertificateFields {
  /** The name of its authority. */
  readonly issuer: DerElement;
  /** The name of its owner. */
  readonly subject: DerElement;
  readonly publicKey: DerElement;
  readonly extensions: readonly Extension[];
}

/** Takes a certificate apart, which is one for certain. */
export function readCertificateFields(certificate: Uint8Array): CertificateFields {
  const [body] = readElements(readElements(certificate)[0]!.content);
  // The version may be missing; fields without a tag of their own follow in a fixed order.
  const fields = readElements(body!.content).filter(({ tag }) => tag !== DerTag.version);
  const [_serial, _algorithm, issuer, _validity, subject, publicKey] = fields;
  const list = fields.find(({ tag }) => tag === DerTag.extensions);
  const found = list === undefined ? [] : readElements(readElements(list.content)[0]!.content);
  const extensions = found.map(({ content }) => {
    const [id, ...rest] = readElements(content);
    return { id: id!.bytes, value: rest.at(-1)!.content };
  });
  return { issuer: issuer!, subject: subject!, publicKey: publicKey!, extensions };
}
