/** The most certificates that are remembered; the ones that were shown longest ago are forgotten. */
const COUNT_MAX = 10_000;

/**
 * The certificates of clients that whole handshakes have verified, by one set of authorities. A resumed
 * session of TLS has the verdict of its first handshake, although the authority may be trusted no more, or
 * the certificate have ended since.
 */
export class VerifiedCertificates {
  /** When each of them ends, by its fingerprint, in milliseconds since 1970. */
  readonly #ends = new Map<string, number>();

  get count(): number {
    return this.#ends.size;
  }

  /**
   * Notes a certificate that a whole handshake has verified.
   *
   * @param fingerprint Its SHA-256.
   * @param endsAt When it ends, in milliseconds since 1970.
   */
  add(fingerprint: string, endsAt: number): void {
    this.#ends.delete(fingerprint);
    this.#ends.set(fingerprint, endsAt);
    if (this.#ends.size <= COUNT_MAX) return;
    const [oldest] = this.#ends.keys();
    this.#ends.delete(oldest!);
  }

  /** Whether a certificate was verified and has not ended. */
  has(fingerprint: string, date: number): boolean {
    return date <= (this.#ends.get(fingerprint) ?? -Infinity);
  }
}
