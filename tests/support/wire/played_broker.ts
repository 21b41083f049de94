/**
 * A broker that a test plays until a client is logged in: it hears what the client says of itself, lets it
 * in or not, and can end the session later. Whoever is let in talks to a real broker.
 *
 * @module
 */

import {
  BrokerError,
  type ErrorCode,
  type ErrorDetails,
  FRAME_BYTES_RESERVE,
  FrameDecoder,
  FrameType,
  type FrameWriter,
  type Hello,
  MAGIC,
  readControlFrame,
  type Welcome,
  writeControlFrame,
} from "../../../protocol.ts";
import { bytesOf, helloBytes } from "./raw_client.ts";
import { openSocket } from "./duplex_client.ts";

/** A refusal that says more than its code. */
export interface PlayedRefusal {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
}

/** Says whether a client is let in: to the code of the refusal, or nothing. */
export type Decide = (hello: Hello) => ErrorCode | PlayedRefusal | undefined;

/** A port in front of a broker that looks at the first frame of each client. */
export class PlayedBroker implements AsyncDisposable {
  /** What clients have said of themselves, in order. */
  readonly hellos: Hello[] = [];
  /** Whom to let in. */
  decide: Decide = () => undefined;
  /** Whether what the real broker says is swallowed. */
  isSilent = false;
  /** Whether clients that come get no answer at all, as from a process that was stopped. */
  isStopped = false;
  /** What the welcomes of the real broker say otherwise. */
  welcome: Partial<Welcome> = {};
  /** What is said right behind a welcome, together with it. */
  sayBehind: (writer: FrameWriter) => void = () => {};
  readonly #target: number;
  readonly #listener: Deno.TcpListener;
  readonly #accepting: Promise<void>;
  readonly #work = new Set<Promise<void>>();
  readonly #clients = new Set<Deno.TcpConn>();
  readonly #open = new Set<Deno.TcpConn>();
  #isGone = false;

  /** @param target The port of the real broker. */
  constructor(target: number, decide?: Decide) {
    this.#target = target;
    if (decide !== undefined) this.decide = decide;
    this.#listener = Deno.listen({ hostname: "localhost", port: 0 });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** The tokens that clients have shown, in order. */
  get tokens(): (string | undefined)[] {
    return this.hellos.map(({ token }) => token);
  }

  /** Ends the sessions of all clients with an error. */
  async end(refusal: ErrorCode | PlayedRefusal): Promise<void> {
    for (const client of this.#clients) await tell(client, refusal, "not any more");
    this.cut();
  }

  /** Ends all connections without a word. */
  cut(): void {
    for (const socket of this.#open) closeQuietly(socket);
  }

  /** Says something to all clients, between two frames of the broker. */
  async say(write: (writer: FrameWriter) => void): Promise<void> {
    for (const client of this.#clients) await writeAll(client, bytesOf(write));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isGone) this.#listener.close();
    this.#isGone = true;
    await this.#accepting;
    this.cut();
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      client.setNoDelay(true);
      const work = this.#serve(client).catch(() => {}).finally(() => {
        this.#work.delete(work);
        this.#clients.delete(client);
        closeQuietly(client);
      });
      this.#work.add(work);
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    this.#open.add(client);
    const hello = await readHello(client);
    this.hellos.push(hello);
    if (this.isStopped) return void await client.read(new Uint8Array(1));
    const refusal = this.decide(hello);
    if (refusal !== undefined) return await tell(client, refusal, "Cannot log in: played");
    const broker = await openSocket(this.#target);
    this.#open.add(broker);
    await writeAll(broker, helloBytes(hello.client));
    const { welcome, rest } = await readWelcome(broker);
    await writeAll(
      client,
      bytesOf((writer) => {
        writeControlFrame(writer, "welcome", { ...welcome, ...this.welcome });
        this.sayBehind(writer);
      }),
    );
    await writeAll(client, rest);
    this.#clients.add(client);
    await Promise.all([forward(client, broker), forward(broker, client, () => this.isSilent)]);
  }
}

/** Reads the magic and the first frame. */
async function readHello(client: Deno.TcpConn): Promise<Hello> {
  const decoder = new FrameDecoder(8192);
  let isAfterMagic = false;
  for (;;) {
    const count = await client.read(decoder.space());
    if (count === null) throw new BrokerError("HANDSHAKE_EXPECTED", "the client has left");
    decoder.received(count);
    isAfterMagic ||= decoder.takePreface(MAGIC.length) !== undefined;
    if (!isAfterMagic || !decoder.next()) continue;
    if (decoder.type !== FrameType.hello) throw new BrokerError("HANDSHAKE_EXPECTED", "no hello");
    return readControlFrame(decoder, "hello");
  }
}

/** Reads the first frame of a broker, and what has come behind it. */
async function readWelcome(
  broker: Deno.TcpConn,
): Promise<{ readonly welcome: Welcome; readonly rest: Uint8Array }> {
  const decoder = new FrameDecoder(FRAME_BYTES_RESERVE);
  while (!decoder.next()) {
    const count = await broker.read(decoder.space());
    if (count === null) throw new BrokerError("HANDSHAKE_EXPECTED", "the broker has left");
    decoder.received(count);
  }
  const welcome = readControlFrame(decoder, "welcome");
  return { welcome, rest: decoder.takePreface(decoder.pendingBytes) ?? new Uint8Array() };
}

async function tell(
  client: Deno.TcpConn,
  refusal: ErrorCode | PlayedRefusal,
  message: string,
): Promise<void> {
  const { code, details } = typeof refusal === "string" ? { code: refusal, details: {} } : refusal;
  await writeAll(
    client,
    bytesOf((writer) => writeControlFrame(writer, "error", { code, message, details })),
  );
}

async function forward(
  from: Deno.TcpConn,
  to: Deno.TcpConn,
  isSwallowed: () => boolean = () => false,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      if (!isSwallowed()) await writeAll(to, buffer.subarray(0, count));
    }
  } finally {
    closeQuietly(from);
    closeQuietly(to);
  }
}

async function writeAll(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
}

function closeQuietly(socket: Deno.TcpConn): void {
  try {
    socket.close();
  } catch {
    // Closed before.
  }
}
