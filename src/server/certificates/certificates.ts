import type { Duplex } from "../../transport/duplex.ts";
import {
  type HandshakeOwner,
  TlsAcceptor,
  type TlsCredentials,
  type TlsDuplex,
} from "../../transport/tls_acceptor.ts";
import { tryCredentials } from "../../transport/tls_trial.ts";
import { formatDate } from "../date_text.ts";
import type { Log } from "../log.ts";
import { type CertificateFacts, checkCertificates } from "./certificate_check.ts";
import {
  CertificateError,
  type CertificatePaths,
  describeFiles,
  readCertificateFiles,
} from "./certificate_files.ts";

/** How a broker's certificate is. */
export interface CertificateStatus {
  /** When the certificate in use ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Why the files are not in use, or that the certificate has ended; none if all is well. */
  readonly problem?: string | undefined;
}

/** The interval of looks at the files, in milliseconds. */
const LOOK_MS = 500;

/** How long before its end a certificate is warned of, in milliseconds. */
const WARN_MS = 14 * 86_400_000;

/** The certificates of a broker: they are read again when their files change. */
export class Certificates {
  readonly #paths: CertificatePaths;
  readonly #log: Log;
  readonly #acceptor: TlsAcceptor;
  #facts: CertificateFacts;
  #problem: string | undefined;
  /** The files as they were read, and as they were at the last look. */
  #readState: string;
  #seenState: string;
  #lookAt = -Infinity;
  #retryAt = Infinity;
  #looking: Promise<void> | undefined;
  /** What the log was told of the end of the certificate. */
  #told: "nothing" | "soon" | "ended" = "nothing";

  private constructor(
    paths: CertificatePaths,
    log: Log,
    read: { acceptor: TlsAcceptor; facts: CertificateFacts; state: string },
  ) {
    this.#paths = paths;
    this.#log = log;
    this.#acceptor = read.acceptor;
    this.#facts = read.facts;
    this.#readState = read.state;
    this.#seenState = read.state;
  }

  /**
   * Reads and checks the certificates.
   *
   * @param paths The files.
   * @param date The time, in milliseconds since 1970.
   * @throws {CertificateError} If they cannot be used.
   */
  static async open(paths: CertificatePaths, log: Log, date: number): Promise<Certificates> {
    const state = await describeFiles(paths);
    const { credentials, facts } = await readAndCheck(paths, date);
    const acceptor = new TlsAcceptor(credentials);
    const certificates = new Certificates(paths, log, { acceptor, facts, state });
    certificates.#watchEnd(date);
    return certificates;
  }

  get status(): CertificateStatus {
    const { expiresAt } = this.#facts;
    const ended = this.#told === "ended" ? `it ended at ${formatDate(expiresAt)}` : undefined;
    return { expiresAt, problem: this.#problem ?? ended };
  }

  /** The serial number of the certificate in use. */
  get serial(): string {
    return this.#facts.serial;
  }

  /** Makes an encrypted connection of a plain one. */
  secure(duplex: Duplex, owner: HandshakeOwner): TlsDuplex {
    return this.#acceptor.secure(duplex, owner);
  }

  /**
   * Looks at the files if it is time for that, and reads them again if they have changed.
   *
   * @param now The time of a clock that never jumps.
   * @param date The calendar's time. Both are in milliseconds since 1970.
   * @returns When to call this again.
   */
  tend(now: number, date: number): number {
    if (now < this.#lookAt) return this.#lookAt;
    this.#lookAt = now + LOOK_MS;
    this.#watchEnd(date);
    this.look(date);
    return this.#lookAt;
  }

  /** Looks at the files; resolves when they have been read again, if they have changed. */
  look(date: number): Promise<void> {
    this.#looking ??= this.#look(date).finally(() => this.#looking = undefined);
    return this.#looking;
  }

  /** Resolves when nothing is being read any more. */
  async close(): Promise<void> {
    await this.#looking;
  }

  async #look(date: number): Promise<void> {
    const state = await describeFiles(this.#paths);
    const isRipe = state === this.#seenState;
    this.#seenState = state;
    // The two files of a pair are not replaced at the same time: nothing is read while files change.
    if (!isRipe || (state === this.#readState && date < this.#retryAt)) return;
    this.#retryAt = Infinity;
    try {
      const { credentials, facts } = await readAndCheck(this.#paths, date);
      if (await describeFiles(this.#paths) !== state) return;
      this.#acceptor.renew(credentials);
      this.#facts = facts;
      this.#problem = undefined;
      this.#told = "nothing";
      const { serial, expiresAt } = this.#facts;
      this.#log.info("the certificate is renewed", { serial, expiresAt: formatDate(expiresAt) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof CertificateError) this.#retryAt = error.retryAt;
      this.#problem = why;
      this.#log.warning("cannot renew the certificate, the old one stays in use", {
        serial: this.#facts.serial,
        error: why,
      });
    }
    this.#readState = state;
    this.#watchEnd(date);
  }

  /** Warns of the end of the certificate in use: once before, and once at the end. */
  #watchEnd(date: number): void {
    const { expiresAt, serial } = this.#facts;
    const due = date > expiresAt ? "ended" : date > expiresAt - WARN_MS ? "soon" : "nothing";
    if (due === this.#told || due === "nothing") return;
    this.#told = due;
    const what = due === "ended"
      ? "the certificate has ended: clients refuse to connect"
      : "the certificate ends soon";
    this.#log.warning(what, { serial, expiresAt: formatDate(expiresAt) });
  }
}

/** Reads certificates that can be used; throws a {@linkcode CertificateError} if they cannot. */
async function readAndCheck(
  paths: CertificatePaths,
  date: number,
): Promise<{ readonly credentials: TlsCredentials; readonly facts: CertificateFacts }> {
  const credentials = await readCertificateFiles(paths);
  const facts = checkCertificates(credentials, paths, date);
  const fault = await tryCredentials(credentials);
  if (fault === undefined) return { credentials, facts };
  throw new CertificateError([
    `file "${paths.key}": found a key that TLS cannot use (${fault}), allowed RSA with 2048 bits ` +
    `or more, P-256, P-384, P-521 or Ed25519`,
  ]);
}
