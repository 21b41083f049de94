import { createServer, type Server, type TlsOptions, type TLSSocket } from "node:tls";
import type { Duplex } from "./duplex.ts";
import { DuplexStream } from "./duplex_stream.ts";
import { ALPN, FIRST_BYTE_OF_TLS } from "./tls_wire.ts";
import { NodeDuplex } from "./node_duplex.ts";
import { VerifiedCertificates } from "./verified_certificates.ts";

/** What a side of TLS shows and trusts; texts in PEM. */
export interface TlsCredentials {
  /** The certificate, with its chain. */
  readonly certificate: string;
  readonly key: string;
  /** The authorities of the certificates that clients show; without them, clients are not asked. */
  readonly clientCa?: string | undefined;
}

/** The certificate of a client. */
export interface ClientCertificate {
  /** Its bytes, as DER. */
  readonly der: Uint8Array;
  /** Why it is not to be trusted, in the words of the TLS library; none if it is valid. */
  readonly fault: string | undefined;
  /** When it ends, in milliseconds since 1970. */
  readonly endsAt: number;
}

/** Hears of connections that do not come through the handshake. */
export interface HandshakeOwner {
  /** A handshake has failed, or there was none. */
  noteFailure(why: string): void;
  /** Whether memory for received bytes is short. */
  isThrifty?(): boolean;
  /** The answer to a client that does not speak TLS, by the first byte that it sent. */
  answerPlain(firstByte: number): Uint8Array | undefined;
}

/**
 * None: the deadline of the handshake is the owner's. The runtime's own timer would keep a connection whose
 * handshake has failed in memory until its time comes.
 */
const HANDSHAKE_MS = -1;

/** The part of the first read: a whole greeting of a usual client. */
const FIRST_BYTES = 512;

/** One connection, as the server of TLS sees it: it emits the events of one connection only. */
type SingleServer = Server & {
  readonly stream: DuplexStream;
  readonly verified: VerifiedCertificates;
  readonly handshake: PromiseWithResolvers<Opened | Error>;
};

/** A connection after its handshake. */
interface Opened {
  readonly duplex: NodeDuplex;
  readonly certificate: ClientCertificate | undefined;
}

/** The server's side of TLS, over connections of any kind. */
export class TlsAcceptor {
  readonly #server: Server;
  #verified = new VerifiedCertificates();
  #clientCa: string | undefined;

  /**
   * @param credentials Certificates that were checked: TLS takes wrong ones, too, and then fails.
   * @param protocol The name of what is spoken inside.
   */
  constructor(credentials: TlsCredentials, protocol: string = ALPN) {
    this.#clientCa = credentials.clientCa;
    this.#server = createServer({
      ...asOptions(credentials),
      ALPNProtocols: [protocol],
      requestCert: credentials.clientCa !== undefined,
      // The session tells the client what is wrong with its certificate.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server.on("secureConnection", function (this: SingleServer, socket: TLSSocket) {
      // At once: what comes behind the handshake may be an error, for which nobody listens yet.
      const duplex = new NodeDuplex(socket, this.stream);
      this.handshake.resolve({ duplex, certificate: readCertificate(socket, this.verified) });
    });
    this.#server.on("tlsClientError", function (this: SingleServer, error: Error) {
      this.handshake.resolve(error);
    });
  }

  /** Shows other certificates from now on; open connections stay. */
  renew(credentials: TlsCredentials): void {
    this.#server.setSecureContext(asOptions(credentials));
    // Sessions of TLS from before can be resumed all the same. A new list: handshakes that are under way
    // may still be verified by the old authorities.
    if (credentials.clientCa !== this.#clientCa) this.#verified = new VerifiedCertificates();
    this.#clientCa = credentials.clientCa;
  }

  /** Makes an encrypted connection of a plain one; its first read begins the handshake. */
  secure(duplex: Duplex, owner: HandshakeOwner): TlsDuplex {
    return new TlsDuplex(duplex, owner, (stream) => {
      const handshake = Promise.withResolvers<Opened | Error>();
      // Handlers of events are called on the emitter: so each connection has one of its own.
      const server: SingleServer = Object.assign(Object.create(this.#server), {
        stream,
        verified: this.#verified,
        handshake,
      });
      stream.on("error", (error) => handshake.resolve(error));
      stream.on("close", () => handshake.resolve(new Error("the client has left")));
      server.emit("connection", stream);
      return handshake.promise;
    });
  }
}

function asOptions({ certificate, key, clientCa }: TlsCredentials): TlsOptions {
  return { cert: certificate, key, minVersion: "TLSv1.2", ...clientCa && { ca: clientCa } };
}

type Shake = (stream: DuplexStream) => Promise<Opened | Error>;

/**
 * An encrypted connection, from the moment on at which it was accepted. Before the client's first byte it
 * costs no more than a plain one, and to close it costs no handshake.
 */
export class TlsDuplex implements Duplex {
  readonly #plain: Duplex;
  readonly #owner: HandshakeOwner;
  readonly #shake: Shake;
  #opening: Promise<NodeDuplex | undefined> | undefined;
  #open: NodeDuplex | undefined;
  #stream: DuplexStream | undefined;
  #isClosed = false;
  #certificate: ClientCertificate | undefined;

  constructor(plain: Duplex, owner: HandshakeOwner, shake: Shake) {
    this.#plain = plain;
    this.#owner = owner;
    this.#shake = shake;
  }

  /** The certificate that the client has shown in the handshake, valid or not. */
  get certificate(): ClientCertificate | undefined {
    return this.#certificate;
  }

  /** Whether the client has begun a handshake, which costs this side more than the client. */
  get hasBegun(): boolean {
    return this.#stream !== undefined || this.#open !== undefined;
  }

  get heldBytes(): number {
    return this.#open?.heldBytes ?? this.#stream?.heldBytes ?? 0;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#open?.read(buffer) ?? this.#readFirst(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#open !== undefined) return this.#open.write(bytes);
    const error = new Error("nothing can be sent before the handshake");
    return Promise.reject(Object.assign(error, { code: "ENOTCONN" }));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#open !== undefined) this.#open.close();
    else if (this.#stream !== undefined) this.#stream.destroy();
    else this.#plain.close();
  }

  async #readFirst(buffer: Uint8Array): Promise<number | null> {
    const open = await (this.#opening ??= this.#begin());
    return open === undefined ? null : await open.read(buffer);
  }

  async #begin(): Promise<NodeDuplex | undefined> {
    const buffer = new Uint8Array(FIRST_BYTES);
    const count = await this.#plain.read(buffer);
    if (count === null || this.#isClosed) return undefined;
    if (buffer[0] !== FIRST_BYTE_OF_TLS) return await this.#refusePlain(buffer[0]!);
    const stream = new DuplexStream(
      this.#plain,
      buffer.subarray(0, count),
      () => this.#owner.isThrifty?.() ?? false,
    );
    this.#stream = stream;
    // The handshake cannot go on; TLS itself would wait.
    stream.on("end", () => this.#open ?? stream.destroy());
    const opened = await this.#shake(stream);
    if (this.#isClosed) return undefined;
    if (opened instanceof Error) {
      this.#owner.noteFailure(opened.message);
      this.close();
      return undefined;
    }
    this.#certificate = opened.certificate;
    return this.#open = opened.duplex;
  }

  async #refusePlain(firstByte: number): Promise<undefined> {
    this.#owner.noteFailure("the client does not speak TLS");
    const answer = this.#owner.answerPlain(firstByte);
    // A fresh connection takes these few bytes at once, or is closed already.
    if (answer !== undefined) await this.#plain.write(answer).catch(() => {});
    this.close();
  }
}

function readCertificate(
  socket: TLSSocket,
  verified: VerifiedCertificates,
): ClientCertificate | undefined {
  const { raw, fingerprint256: fingerprint = "", valid_to: end = "" } = readShown(socket);
  if (!(raw instanceof Uint8Array)) return undefined;
  const { authorized, authorizationError } = socket;
  const endsAt = Date.parse(end);
  if (!authorized) return { der: raw, fault: String(authorizationError), endsAt };
  if (fingerprint !== "" && !socket.isSessionReused()) verified.add(fingerprint, endsAt);
  const isVerified = verified.has(fingerprint, Date.now());
  const fault = isVerified ? undefined : "in the handshake of a session resumed now";
  return { der: raw, fault, endsAt };
}

/** The certificate of the other side, of which there may be nothing. */
function readShown(socket: TLSSocket): {
  readonly raw?: unknown;
  readonly fingerprint256?: string;
  readonly valid_to?: string;
} {
  return socket.getPeerCertificate() ?? {};
}
