import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { readCertificateFields } from "./certificate_fields.ts";
import { findCertificates } from "./certificate_check.ts";

/** One authority. */
interface KnownAuthority {
  readonly certificate: X509Certificate;
  /** Its name, as DER. */
  readonly name: Uint8Array;
}

/** The authorities in `tls.client_ca` at one time, by which certificates of clients are verified. */
export class ClientAuthorities {
  /** By their certificates, so that those of two times can be compared. */
  readonly #known: ReadonlyMap<string, KnownAuthority>;

  /** @param clientCa Certificates as PEM, which were checked; without them there is no authority. */
  constructor(clientCa = "") {
    this.#known = new Map(
      findCertificates(clientCa).map((text) => {
        const certificate = new X509Certificate(text);
        const name = readCertificateFields(certificate.raw).subject.bytes;
        return [certificate.fingerprint256, { certificate, name }];
      }),
    );
  }

  /**
   * Whether a certificate that earlier authorities have verified is valid by these. Undefined if only a
   * handshake can tell: other authorities between these and the certificate are shown in it.
   *
   * @param certificate The certificate, as DER.
   * @param earlier The authorities at the time of its handshake.
   */
  accepts(certificate: Uint8Array, earlier: ClientAuthorities): boolean | undefined {
    if (this === earlier || earlier.#isWithin(this)) return true;
    const { issuer: { bytes: issuer } } = readCertificateFields(certificate);
    const before = earlier.#findNamed(issuer);
    if (before.length > 0 && before.every(([key]) => this.#known.has(key))) return true;
    const named = this.#findNamed(issuer);
    if (named.length > 0) {
      const shown = new X509Certificate(Buffer.from(certificate));
      if (named.some(([, { certificate }]) => shown.verify(certificate.publicKey))) return true;
    }
    return before.length > 0 ? false : undefined;
  }

  #isWithin(others: ClientAuthorities): boolean {
    return this.#known.keys().every((key) => others.#known.has(key));
  }

  #findNamed(name: Uint8Array): [string, KnownAuthority][] {
    return [...this.#known].filter(([, known]) => Buffer.compare(known.name, name) === 0);
  }
}
