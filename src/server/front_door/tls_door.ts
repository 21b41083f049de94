import { BrokerError, FrameWriter, MAGIC, writeControlFrame } from "../../../protocol.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { TlsDuplex } from "../../transport/tls_acceptor.ts";
import { explainFault } from "../certificates/certificate_check.ts";
import type { ShownCertificate } from "../access/access.ts";
import type { Certificates } from "../certificates/certificates.ts";
import type { ClientAuthorities } from "../certificates/client_authorities.ts";
import { readPeerNames } from "../certificates/peer_names.ts";
import type { Caller, Encryption } from "../flow/speaker.ts";
import type { Log } from "../log.ts";
import type { TlsSettings } from "../settings/settings.ts";
import { Tally } from "./tally.ts";

/** The first byte of JSON lines. */
const BRACE = 0x7b;

/** The parts of a {@linkcode TlsDoor}. */
export interface TlsDoorOptions {
  readonly certificates: Certificates;
  /** Whether clients show certificates. */
  readonly mode: TlsSettings["clientCertificates"];
  readonly log: Log;
  readonly now: () => number;
  /** Whether clients speak HTTP inside. Default: the protocol of the broker, or JSON lines. */
  readonly speaksHttp?: boolean;
}

/** Makes encrypted callers of accepted connections, where the port speaks TLS. */
export class TlsDoor {
  readonly certificates: Certificates;
  readonly #mode: TlsSettings["clientCertificates"];
  readonly #speaksHttp: boolean;
  readonly #failures: Tally;

  constructor({ certificates, mode, log, now, speaksHttp = false }: TlsDoorOptions) {
    this.certificates = certificates;
    this.#mode = mode;
    this.#speaksHttp = speaksHttp;
    this.#failures = new Tally("no TLS with a client", log, now);
  }

  /** Makes a door with the same certificates for a port where clients speak HTTP. */
  makeHttpDoor(log: Log, now: () => number): TlsDoor {
    const { certificates } = this;
    return new TlsDoor({ certificates, mode: this.#mode, log, now, speaksHttp: true });
  }

  /** Tells the log of handshakes that were only counted, once their time is over. */
  sweep(): void {
    this.#failures.sweep();
  }

  /** All connections are closed: tells the log what was only counted. */
  end(): void {
    this.#failures.end();
  }

  /** All connections are closed, and the certificates are not needed any more. */
  async close(): Promise<void> {
    this.end();
    await this.certificates.close();
  }

  /**
   * Makes an encrypted caller; the handshake begins when its session reads.
   *
   * @param isThrifty Whether memory for received bytes is short.
   */
  admit(
    plain: Duplex,
    peer: string,
    isThrifty: () => boolean,
  ): Pick<Caller, "duplex" | "encryption"> {
    const duplex = this.certificates.secure(plain, {
      isThrifty,
      noteFailure: (reason) => this.#failures.note({ peer, reason }),
      answerPlain: this.#speaksHttp ? answerPlainHttp : answerPlain,
    }, this.#speaksHttp);
    return { duplex, encryption: new ClientIdentity(duplex, this.#mode, this.certificates) };
  }
}

/** The identity that a client proves by its certificate. */
class ClientIdentity implements Encryption {
  readonly #duplex: TlsDuplex;
  readonly #mode: TlsSettings["clientCertificates"];
  readonly #certificates: Certificates;
  /** Those by which the handshake verifies the certificate, or earlier ones. */
  readonly #authorities: ClientAuthorities;
  /** Read once: the login and the log ask for them. */
  #names: readonly string[] | undefined;

  constructor(
    duplex: TlsDuplex,
    mode: TlsSettings["clientCertificates"],
    certificates: Certificates,
  ) {
    this.#duplex = duplex;
    this.#mode = mode;
    this.#certificates = certificates;
    this.#authorities = certificates.authorities;
  }

  get hasBegun(): boolean {
    return this.#duplex.hasBegun;
  }

  get certificate(): ShownCertificate | undefined {
    const { certificate } = this.#duplex;
    if (certificate === undefined) return undefined;
    const { der, endsAt } = certificate;
    return {
      endsAt,
      isTrusted: () => this.#certificates.authorities.accepts(der, this.#authorities),
    };
  }

  /** The names in the certificate; throws `UNAUTHORIZED` if it is not valid, or missing and required. */
  get certificateNames(): readonly string[] {
    const { certificate } = this.#duplex;
    if (certificate === undefined) {
      if (this.#mode !== "required") return [];
      throw new BrokerError(
        "UNAUTHORIZED",
        "Cannot log in: the client has shown no certificate, and the broker requires one",
      );
    }
    if (certificate.fault === undefined) return this.#names ??= readPeerNames(certificate.der);
    throw new BrokerError(
      "UNAUTHORIZED",
      `Cannot log in: the certificate of the client is not valid: ${
        explainFault(certificate.der, certificate.fault, Date.now())
      }`,
    );
  }
}

/** Tells a client of the protocol, or of JSON lines, that it has to use TLS; strangers get no answer. */
function answerPlain(firstByte: number): Uint8Array | undefined {
  if (firstByte === BRACE) {
    const message = "Cannot open a session: this port speaks TLS, with JSON lines inside";
    return new TextEncoder().encode(`{"error":{"code":"BAD_MAGIC","message":"${message}"}}\n`);
  }
  if (firstByte !== MAGIC[0]) return undefined;
  const writer = new FrameWriter();
  writeControlFrame(writer, "error", {
    code: "BAD_MAGIC",
    message: "Cannot open a session: this port speaks TLS; connect with tls, or to smqs://",
  });
  return writer.take();
}

/** Tells a client of HTTP that it has to use HTTPS. */
function answerPlainHttp(firstByte: number): Uint8Array | undefined {
  // Methods are written in capital letters.
  if (firstByte < 0x41 || firstByte > 0x5a) return undefined;
  const text = "This port speaks HTTPS.\n";
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n" +
      `Content-Length: ${text.length}\r\n\r\n${text}`,
  );
}
