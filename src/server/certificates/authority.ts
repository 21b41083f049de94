import { Buffer } from "node:buffer";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { Oid, readCertificateFields } from "./certificate_fields.ts";
import { isHost, writeAlternativeName } from "./certificate_names.ts";
import { bits, DerTag, element, objectId, readElements, sequence, time } from "./der.ts";

/** A certificate and its key, both as PEM. */
export interface CertificatePair {
  /** The certificate; behind it the one of its authority. */
  readonly certificate: string;
  /** The private key of the certificate, as PKCS#8. */
  readonly key: string;
}

/** When a certificate is valid. */
export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

/** What one certificate is made of. */
interface CertificateContent extends Validity {
  /** The names of the authority and of the owner, as DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** The owner's public key, as DER. */
  readonly publicKey: Buffer;
  readonly extensions: readonly Buffer[];
  readonly signingKey: KeyObject;
}

const SIGNATURE_ALGORITHM = sequence(objectId(Oid.ecdsaWithSha256));

/**
 * An authority that makes certificates, for development and for tests: its key lies in a file, and it
 * revokes nothing. All keys are of the curve P-256, which every TLS library takes.
 */
export class Authority {
  /** Its own certificate, as PEM: what clients have to trust. */
  readonly certificate: string;
  /** Its private key, as PKCS#8 PEM. */
  readonly key: string;
  readonly #key: KeyObject;
  readonly #subject: Uint8Array;
  readonly #keyId: Uint8Array;

  private constructor(certificate: string, key: KeyObject) {
    this.certificate = certificate;
    this.key = toPem(key);
    this.#key = key;
    const { subject, keyId } = readAuthority(new X509Certificate(certificate).raw);
    this.#subject = subject;
    this.#keyId = keyId;
  }

  /** Makes a new authority. */
  static create(name: string, validity: Validity): Authority {
    const { privateKey, publicKey } = makeKeys();
    const subject = writeName(name);
    const certificate = writeCertificate({
      ...validity,
      issuer: subject,
      subject,
      publicKey,
      extensions: [
        // It may sign certificates, and none that sign others.
        extension(Oid.basicConstraints, sequence(TRUE, element(DerTag.integer, ZERO)), true),
        extension(Oid.keyUsage, bits(Uint8Array.of(0b0000_0110), 1), true),
        extension(Oid.subjectKeyId, element(DerTag.octets, hashKey(publicKey))),
      ],
      signingKey: privateKey,
    });
    return new Authority(certificate, privateKey);
  }

  /**
   * Takes an authority that was made before.
   *
   * @param pair Its certificate and its key.
   * @throws {TypeError} If this is no such pair; the message is the second half of a sentence.
   */
  static read({ certificate, key }: CertificatePair): Authority {
    let found: X509Certificate;
    let foundKey: KeyObject;
    try {
      found = new X509Certificate(certificate);
      foundKey = createPrivateKey(key);
    } catch (cause) {
      throw new TypeError("found no certificate and key in PEM", { cause });
    }
    const { namedCurve } = foundKey.asymmetricKeyDetails ?? {};
    if (namedCurve !== "prime256v1" && namedCurve !== "P-256") {
      throw new TypeError("found a key of another kind, allowed one of the curve P-256");
    }
    if (!found.checkPrivateKey(foundKey)) throw new TypeError("the certificate has another key");
    if (!found.ca) throw new TypeError("the certificate is not one of an authority");
    return new Authority(certificate, foundKey);
  }

  /** When its own certificate ends. */
  get until(): Date {
    return new Date(new X509Certificate(this.certificate).validTo);
  }

  /**
   * Makes a certificate for a server.
   *
   * @param names The names and addresses of the server, the best known one first.
   * @param validity When it is valid.
   */
  makeServer(names: readonly string[], validity: Validity): CertificatePair {
    return this.#make(names[0] ?? "", names, Oid.serverAuth, validity);
  }

  /**
   * Makes a certificate for a client.
   *
   * @param name Its common name; where this can be the name of a machine, its alternative name, too.
   * @param validity When it is valid.
   * @param names Its alternative names, where they are others.
   */
  makeClient(
    name: string,
    validity: Validity,
    names: readonly string[] = isHost(name) ? [name] : [],
  ): CertificatePair {
    return this.#make(name, names, Oid.clientAuth, validity);
  }

  #make(
    name: string,
    names: readonly string[],
    usage: string,
    validity: Validity,
  ): CertificatePair {
    const { privateKey, publicKey } = makeKeys();
    const extensions = [
      extension(Oid.basicConstraints, sequence(), true),
      extension(Oid.keyUsage, bits(Uint8Array.of(0b1000_0000), 7), true),
      extension(Oid.extendedKeyUsage, sequence(objectId(usage))),
      extension(Oid.subjectKeyId, element(DerTag.octets, hashKey(publicKey))),
      extension(Oid.authorityKeyId, sequence(element(0x80, this.#keyId))),
    ];
    if (names.length > 0) {
      const list = sequence(...names.map(writeAlternativeName));
      extensions.push(extension(Oid.alternativeNames, list));
    }
    const certificate = writeCertificate({
      ...validity,
      issuer: this.#subject,
      subject: writeName(name),
      publicKey,
      extensions,
      signingKey: this.#key,
    });
    return { certificate: certificate + this.certificate, key: toPem(privateKey) };
  }
}

const TRUE = element(DerTag.boolean, Uint8Array.of(0xff));
const ZERO = Uint8Array.of(0);

function writeCertificate(content: CertificateContent): string {
  const { issuer, subject, publicKey, extensions, from, until, signingKey } = content;
  const body = sequence(
    element(DerTag.version, element(DerTag.integer, Uint8Array.of(2))),
    element(DerTag.integer, makeSerial()),
    SIGNATURE_ALGORITHM,
    issuer,
    sequence(time(from), time(until)),
    subject,
    publicKey,
    element(DerTag.extensions, sequence(...extensions)),
  );
  const signature = sign("sha256", body, signingKey);
  const text = sequence(body, SIGNATURE_ALGORITHM, bits(signature)).toString("base64");
  const lines = text.match(/.{1,64}/g)!.join("\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** A random number, positive and of full length. */
function makeSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = serial[0]! & 0x3f | 0x40;
  return serial;
}

function writeName(commonName: string): Buffer {
  const text = element(DerTag.text, Buffer.from(commonName));
  return sequence(element(DerTag.set, sequence(objectId(Oid.commonName), text)));
}

function extension(id: string, value: Uint8Array, isCritical = false): Buffer {
  const content = element(DerTag.octets, value);
  return isCritical ? sequence(objectId(id), TRUE, content) : sequence(objectId(id), content);
}

function makeKeys(): { readonly privateKey: KeyObject; readonly publicKey: Buffer } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, publicKey: exportPublicKey(privateKey) };
}

function exportPublicKey(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" });
}

function toPem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** What tells the keys of certificates apart: 160 bits of the key's hash. */
function hashKey(publicKey: Uint8Array): Uint8Array {
  const [, key] = readElements(readElements(publicKey)[0]!.content);
  return createHash("sha256").update(key!.content.subarray(1)).digest().subarray(0, 20);
}

/** Reads the name of an authority and the id of its key, which its certificates repeat. */
function readAuthority(certificate: Uint8Array): { subject: Uint8Array; keyId: Uint8Array } {
  const { subject, publicKey, extensions } = readCertificateFields(certificate);
  const wanted = objectId(Oid.subjectKeyId);
  const found = extensions.find(({ id }) => wanted.equals(id));
  const keyId = found ? readElements(found.value)[0]!.content : hashKey(publicKey.bytes);
  return { subject: subject.bytes, keyId };
}
