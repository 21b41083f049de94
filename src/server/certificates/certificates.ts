import type { Duplex } from "../../transport/duplex.ts";
import {
  type HandshakeOwner,
  TlsAcceptor,
  type TlsCredentials,
  type TlsDuplex,
} from "../../transport/tls_acceptor.ts";
import { tryCredentials } from "../../transport/tls_trial.ts";
import { formatDate } from "../date_text.ts";
import { FileWatch } from "../file_watch.ts";
import type { Log } from "../log.ts";
import { markAuthorities } from "./authority_mark.ts";
import { type CertificateFacts, checkCertificates } from "./certificate_check.ts";
import { ClientAuthorities } from "./client_authorities.ts";
import {
  CertificateError,
  type CertificatePaths,
  readCertificateFiles,
} from "./certificate_files.ts";

/** Certificates that can be used. */
interface Checked {
  readonly credentials: TlsCredentials;
  readonly facts: CertificateFacts;
  readonly authorities: ClientAuthorities;
  readonly mark: string;
}

/** How a broker's certificate is. */
export interface CertificateStatus {
  /** When the certificate in use ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Why the files are not in use, or that the certificate has ended; none if all is well. */
  readonly problem?: string | undefined;
}

/** The name of HTTP in a handshake of TLS: clients that offer HTTP/2, too, take this one. */
const HTTP_PROTOCOL = "http/1.1";

/** How long before its end a certificate is warned of, in milliseconds. */
const WARN_MS = 14 * 86_400_000;

/** The certificates of a broker: they are read again when their files change. */
export class Certificates {
  readonly #log: Log;
  readonly #watch: FileWatch<Checked>;
  readonly #acceptor: TlsAcceptor;
  readonly #httpAcceptor: TlsAcceptor;
  #facts: CertificateFacts;
  #authorities: ClientAuthorities;
  #mark: string;
  #onAuthorities: (() => void) | undefined;
  #problem: string | undefined;
  /** When files that could not be used may be good though they have not changed. */
  #retryAt = Infinity;
  /** The calendar's time. */
  #date: number;
  /** What the log was told of the end of the certificate. */
  #told: "nothing" | "soon" | "ended" = "nothing";

  private constructor(log: Log, watch: FileWatch<Checked>, found: Checked, date: number) {
    this.#log = log;
    this.#watch = watch;
    this.#acceptor = new TlsAcceptor(found.credentials);
    this.#httpAcceptor = new TlsAcceptor(found.credentials, HTTP_PROTOCOL);
    this.#facts = found.facts;
    this.#authorities = found.authorities;
    this.#mark = found.mark;
    this.#date = date;
  }

  /**
   * Reads and checks the certificates.
   *
   * @param paths The files.
   * @param date The time, in milliseconds since 1970.
   * @throws {CertificateError} If they cannot be used.
   */
  static async open(paths: CertificatePaths, log: Log, date: number): Promise<Certificates> {
    const { certificate, key, clientCa } = paths;
    const watch = new FileWatch<Checked>([certificate, key, ...clientCa ? [clientCa] : []]);
    const found = await watch.read(() => readAndCheck(paths, date));
    const certificates = new Certificates(log, watch, found, date);
    watch.watch({
      read: () => readAndCheck(paths, certificates.#date),
      onContent: (content) => certificates.#renew(content),
      onFault: (fault) => certificates.#keep(fault),
    });
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

  /** Who has signed the certificate in use, and whose clients' are taken: alike on all brokers of a cluster. */
  get authorityMark(): string {
    return this.#mark;
  }

  /** The authorities of clients' certificates that are in use. */
  get authorities(): ClientAuthorities {
    return this.#authorities;
  }

  /** Calls back whenever other authorities of clients' certificates may be in use. */
  watchAuthorities(onAuthorities: () => void): void {
    this.#onAuthorities = onAuthorities;
  }

  /** The names of machines in the certificate in use; a star stands for the first part. */
  get hostNames(): readonly string[] {
    return this.#facts.hostNames;
  }

  /**
   * Makes an encrypted connection of a plain one.
   *
   * @param speaksHttp Whether clients ask for HTTP, not for the broker's protocol.
   */
  secure(duplex: Duplex, owner: HandshakeOwner, speaksHttp = false): TlsDuplex {
    return (speaksHttp ? this.#httpAcceptor : this.#acceptor).secure(duplex, owner);
  }

  /**
   * Looks at the files if it is time for that, and reads them again if they have changed.
   *
   * @param now The time of a clock that never jumps.
   * @param date The calendar's time. Both are in milliseconds since 1970.
   * @returns When to call this again.
   */
  tend(now: number, date: number): number {
    this.#setDate(date);
    return this.#watch.tick(now);
  }

  /** Looks at the files; resolves when they have been read again, if they have changed. */
  look(date: number): Promise<void> {
    this.#setDate(date);
    return this.#watch.look();
  }

  /** Resolves when nothing is being read any more. */
  async close(): Promise<void> {
    await this.#watch.close();
  }

  #setDate(date: number): void {
    this.#date = date;
    this.#watchEnd(date);
    if (date < this.#retryAt) return;
    this.#retryAt = Infinity;
    this.#watch.retry();
  }

  #renew({ credentials, facts, authorities, mark }: Checked): void {
    this.#acceptor.renew(credentials);
    this.#httpAcceptor.renew(credentials);
    const isSame = facts.serial === this.#facts.serial;
    this.#facts = facts;
    this.#authorities = authorities;
    this.#mark = mark;
    this.#problem = undefined;
    this.#retryAt = Infinity;
    this.#told = "nothing";
    const { serial, expiresAt } = facts;
    const what = isSame ? "the certificate is the same as before" : "the certificate is renewed";
    this.#log.info(what, { serial, expiresAt: formatDate(expiresAt) });
    this.#watchEnd(this.#date);
    this.#onAuthorities?.();
  }

  /** Keeps the certificate in use, and tells why. */
  #keep(fault: Error): void {
    const { message: error } = fault;
    this.#retryAt = fault instanceof CertificateError ? fault.retryAt : Infinity;
    this.#problem = error;
    const { serial } = this.#facts;
    this.#log.warning("cannot renew the certificate, the old one stays in use", { serial, error });
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
async function readAndCheck(paths: CertificatePaths, date: number): Promise<Checked> {
  const credentials = await readCertificateFiles(paths);
  const facts = checkCertificates(credentials, paths, date);
  const fault = await tryCredentials(credentials);
  const authorities = new ClientAuthorities(credentials.clientCa);
  if (fault === undefined) {
    return { credentials, facts, authorities, mark: markAuthorities(credentials) };
  }
  throw new CertificateError([
    `file "${paths.key}": found a key that TLS cannot use (${fault}), allowed RSA with 2048 bits ` +
    `or more, P-256, P-384, P-521 or Ed25519`,
  ]);
}
