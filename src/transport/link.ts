import { clearImmediate, setImmediate } from "node:timers";
import { FrameDecoder, FrameType, FrameWriter } from "../../protocol.ts";
import { isConnectionEnd } from "./deno_sockets.ts";
import type { Duplex } from "./duplex.ts";

/** What a link tells its owner. */
export interface LinkOwner {
  /**
   * A whole frame has come; its fields are read from the decoder, during the call.
   * A `BrokerError` with a fatal code that it throws ends the link.
   */
  handleFrame(frame: FrameDecoder): void;
  /** The link takes more again: after a write, and when a turn in which it wrote is over. */
  handleReady?(): void;
  /** The link has been closed from this side. */
  handleClosed?(): void;
  /** What to wait for before the next frame is handled, if anything. */
  waitToRead?(): Promise<void> | undefined;
  /** What to wait for before more is received of a frame of so many bytes, if anything. */
  waitToReceive?(bytes: number): Promise<void> | undefined;
}

/**
 * One connection as frames: one reader, one writer, and what the heartbeat needs to know.
 *
 * The first frames of a turn of the event loop leave at once, all that follow in the same turn leave
 * together when it ends: writes cost more than anything else here, and most of them are accepted so
 * fast that waiting for them collects nothing.
 *
 * There is never more than one write under way, because a second one would land in the middle of a
 * first one that was only partly accepted; and a buffer is not touched before its write is over.
 */
export class Link {
  /** Where frames are written; {@linkcode Link.flush} sends them. */
  readonly writer: FrameWriter = new FrameWriter();
  /** What comes in. */
  readonly decoder: FrameDecoder;
  /** Whether anything came in since the heartbeat looked last; it sets this to false. */
  hasReceived = false;
  /** Whether any write was accepted since the heartbeat looked last; it sets this to false. */
  hasSent = false;
  /** Whether the other side has said that it received more; the heartbeat sets this to false. */
  wasTaken = false;
  /** How many bytes have come in. */
  receivedBytes = 0;
  /** Whether nothing is read because the owner wants to wait. */
  isHeldBack = false;
  readonly #duplex: Duplex;
  readonly #owner: LinkOwner;
  #sendingBytes = 0;
  /** Whether a write is about to begin, as soon as those who write now have finished. */
  #isAnnounced = false;
  #isSending = false;
  /** Set from the first write of a turn to its end. */
  #turn: ReturnType<typeof setImmediate> | undefined;
  #isClosed = false;
  #isCut = false;
  /** What the other side has said that it has received. */
  #takenBytes = 0;
  #fault: unknown;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(duplex: Duplex, owner: LinkOwner, frameBytesMax: number) {
    this.#duplex = duplex;
    this.#owner = owner;
    this.decoder = new FrameDecoder(frameBytesMax);
  }

  /** Whether the link has been closed from this side. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Whether nothing that is written arrives any more. What the other side said before it went away
   * is still read, and then the link ends.
   */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** The bytes that wait to be accepted by the connection. */
  get outboundBytes(): number {
    return this.writer.length + this.#sendingBytes;
  }

  /** Whether what is written now would leave at once. */
  get isReady(): boolean {
    return !this.#isAnnounced && !this.#isSending && this.#turn === undefined;
  }

  /** Whether a write is under way: then nothing leaves before it has been accepted. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** How many bytes the other side has said that it has received. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Sends what was written: at once, or when this turn is over if it has seen a write already. */
  flush(): void {
    if (this.#isCut) return this.#drop();
    if (!this.isReady || this.#isClosed) return;
    this.#isAnnounced = true;
    queueMicrotask(() => this.#isAnnounced && this.#sendAll());
  }

  /**
   * Sends what was written during the call, if no write is under way: also if this turn has seen a
   * write. What the system takes at once is out of this process's hands then.
   */
  flushNow(): void {
    if (this.#isCut) return this.#drop();
    if (this.#isSending || this.#isClosed || this.writer.length === 0) return;
    this.#sendAll();
  }

  /** Sends a frame that says only: I am here. */
  sendHeartbeat(): void {
    this.writer.begin(FrameType.heartbeat);
    this.writer.end();
    this.flush();
  }

  /** Sends a frame that says how much has come in. */
  sendProgress(): void {
    this.writer.begin(FrameType.progress);
    this.writer.u64(this.receivedBytes);
    this.writer.end();
    this.flush();
  }

  /**
   * Notes what the other side says that it has received. The system keeps up to some megabytes of
   * what it has accepted, and takes more only when a third of them has left: for a slow link that
   * can be longer than anybody may take nothing.
   */
  noteProgress(bytes: number): void {
    if (bytes <= this.#takenBytes) return;
    this.#takenBytes = bytes;
    this.wasTaken = true;
  }

  /**
   * Reads `count` bytes that come before the first frame.
   *
   * @returns The bytes, or `undefined` if the connection ended before.
   */
  async readPreface(count: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const preface = this.decoder.takePreface(count);
      if (preface !== undefined) return preface;
      if (!await this.#receive()) return undefined;
    }
  }

  /**
   * Reads bytes that are no frames, as they come.
   *
   * @returns Some bytes, which are the caller's, or `undefined` if the connection has ended.
   */
  async readBytes(): Promise<Uint8Array | undefined> {
    if (this.decoder.pendingBytes > 0 || await this.#receive()) {
      return this.decoder.takePreface(this.decoder.pendingBytes);
    }
    if (this.#fault !== undefined) throw this.#fault;
    return undefined;
  }

  /**
   * Reads frames until the connection ends.
   *
   * @param reader Handles the frames, if the owner does not.
   * @throws What the owner threw, or what is wrong with the bytes.
   */
  async run(reader: Pick<LinkOwner, "handleFrame"> = this.#owner): Promise<void> {
    for (;;) {
      while (this.decoder.next()) {
        reader.handleFrame(this.decoder);
        const gate = this.#owner.waitToRead?.();
        if (gate !== undefined) await this.holdBack(gate);
        if (this.#isClosed) return;
      }
      const { unfinishedBytes } = this.decoder;
      if (unfinishedBytes > 0) {
        const gate = this.#owner.waitToReceive?.(unfinishedBytes);
        if (gate !== undefined) await this.holdBack(gate);
      }
      if (await this.#receive()) continue;
      if (this.#fault !== undefined) throw this.#fault;
      return;
    }
  }

  /** Waits for something before it reads on; its silence is not the other side's then. */
  async holdBack(gate: Promise<void>): Promise<void> {
    this.isHeldBack = true;
    await gate;
    this.isHeldBack = false;
  }

  /** Resolves when all that was written has been accepted, or never will be. */
  drain(): Promise<void> {
    if (this.#isClosed || this.#isCut || this.outboundBytes === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    this.flush();
    return this.#drained.promise;
  }

  /** Ends the connection; what waits to be sent is not. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearImmediate(this.#turn);
    this.#duplex.close();
    this.#resolveDrained();
    this.#owner.handleClosed?.();
  }

  async #receive(): Promise<boolean> {
    if (this.#isClosed) return false;
    try {
      const count = await this.#duplex.read(this.decoder.space());
      if (count === null) return false;
      this.decoder.received(count);
      this.receivedBytes += count;
      this.hasReceived = true;
      return true;
    } catch (error) {
      if (isConnectionEnd(error)) return false;
      throw error;
    }
  }

  async #sendAll(): Promise<void> {
    this.#isAnnounced = false;
    if (this.#isClosed) return;
    this.#isSending = true;
    this.#turn ??= setImmediate(() => this.#endTurn());
    try {
      await this.#send(this.writer.take());
    } catch (error) {
      // The reader learns of it: `run` reads to the end, or throws what is not just an end.
      if (isConnectionEnd(error)) this.#cut();
      else {
        this.#fault = error;
        this.close();
      }
    } finally {
      this.#isSending = false;
    }
    if (this.writer.length === 0) this.#resolveDrained();
    if (this.isReady) this.#goOn();
  }

  /** Nobody takes what is written any more. */
  #cut(): void {
    this.#isCut = true;
    this.#sendingBytes = 0;
    this.#drop();
  }

  #drop(): void {
    this.writer.recycle(this.writer.take());
  }

  #endTurn(): void {
    this.#turn = undefined;
    if (this.isReady) this.#goOn();
  }

  /** The write is done and its turn is over: what was written since goes out. */
  #goOn(): void {
    if (this.#isClosed) return;
    this.#owner.handleReady?.();
    if (this.writer.length > 0) this.flush();
  }

  #resolveDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#sendingBytes = bytes.length;
    let sent = 0;
    while (sent < bytes.length) {
      sent += await this.#duplex.write(sent === 0 ? bytes : bytes.subarray(sent));
      this.#sendingBytes = bytes.length - sent;
      this.hasSent = true;
    }
    this.writer.recycle(bytes);
  }
}
