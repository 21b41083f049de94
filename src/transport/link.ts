import { setImmediate } from "node:timers";
import { FrameDecoder, FrameType, FrameWriter } from "../../protocol.ts";
import { BUFFER_BYTES_MIN } from "../protocol/frames/frame_decoder.ts";
import { isConnectionEnd } from "./connection_end.ts";
import type { Duplex } from "./duplex.ts";

/** The callbacks of a link's owner. */
export interface LinkOwner {
  /**
   * A whole frame has come; its fields are read from the decoder, during the call.
   * A `BrokerError` with a fatal code that it throws ends the link.
   */
  handleFrame(frame: FrameDecoder): void;
  /** The link takes more again: after a write, and after a turn in which it wrote. */
  handleReady?(): void;
  /** The link has been closed from this side. */
  handleClosed?(): void;
  /** Whether memory for received bytes is short. */
  readonly isThrifty?: boolean;
  /** The buffer for received bytes has another size now. */
  handleBuffer?(): void;
  /** Returns a promise to wait for before the next frame is handled, if there is one. */
  waitToRead?(): Promise<void> | undefined;
  /** Returns a promise to wait for before more of a frame of this size is received, if there is one. */
  waitToReceive?(bytes: number): Promise<void> | undefined;
  /** Whether nothing may be sent at present but heartbeats: a link with more to send is closed instead. */
  readonly isMuted?: boolean;
}

/** A frame that only shows that its sender is alive: the same bytes for all links, without a buffer of each. */
const HEARTBEAT = writeHeartbeat();

/**
 * One connection as frames: one reader, one writer, and the facts that the heartbeat needs.
 *
 * The first frames of a turn of the event loop leave at once; all later ones leave together when the turn
 * ends. Writes cost more than anything else here, and most of them are accepted so fast that waiting for them
 * collects nothing.
 *
 * There is never more than one write under way, because a second one would land in the middle of a
 * first one that was only partly accepted; and a buffer is not touched before its write is over.
 */
export class Link {
  /** Where frames are written; {@linkcode Link.flush} sends them. */
  readonly writer: FrameWriter = new FrameWriter();
  /** The received bytes. */
  readonly decoder: FrameDecoder;
  /** Whether anything came in since the heartbeat looked last; it sets this to false. */
  hasReceived = false;
  /** Whether any write was accepted since the heartbeat looked last; it sets this to false. */
  hasSent = false;
  /** Whether the other side has said that it received more; the heartbeat sets this to false. */
  wasTaken = false;
  /** The number of received bytes. */
  receivedBytes = 0;
  /** The number of bytes that the connection has accepted. */
  sentBytes = 0;
  /** Whether nothing is read because the owner wants to wait. */
  isHeldBack = false;
  readonly #duplex: Duplex;
  readonly #owner: LinkOwner;
  #sendingBytes = 0;
  /** The size of the buffer that the owner knows of. */
  #bufferBytes = BUFFER_BYTES_MIN;
  /** Whether a heartbeat waits that is not in the writer. */
  #hasHeartbeat = false;
  /** Whether a write is about to begin, as soon as the present writers have finished. */
  #isAnnounced = false;
  #isSending = false;
  /** Whether this turn has seen a write. */
  #isInTurn = false;
  #isClosed = false;
  #isCut = false;
  /** The number of bytes that the other side has reported as received. */
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
   * Whether written data no longer arrives. Data that the other side sent before it went away is
   * still read, and then the link ends.
   */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** The bytes that wait to be accepted by the connection. */
  get outboundBytes(): number {
    return this.writer.length + this.#sendingBytes + (this.#hasHeartbeat ? HEARTBEAT.length : 0);
  }

  /** Whether a write would leave at once now. */
  get isReady(): boolean {
    return !this.#isAnnounced && !this.#isSending && !this.#isInTurn;
  }

  /** Whether a write is under way: then nothing leaves before it has been accepted. */
  get isSending(): boolean {
    return this.#isSending;
  }

  /** The number of bytes that the other side has reported as received. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Sends what was written: at once, or at the end of this turn if it has seen a write already. */
  flush(): void {
    if (this.#isCut) return this.#drop();
    if (!this.isReady || this.#isClosed) return;
    this.#isAnnounced = true;
    queueMicrotask(() => this.#isAnnounced && this.#sendAll());
  }

  /**
   * Sends what was written during the call if no write is under way, even if this turn has seen a write.
   * Bytes that the system takes at once no longer depend on this process.
   */
  flushNow(): void {
    if (this.#isCut) return this.#drop();
    if (this.#isSending || this.#isClosed || this.writer.length === 0) return;
    this.#sendAll();
  }

  /** Sends a frame that only shows that this side is alive. */
  sendHeartbeat(): void {
    // What else is written shows as much.
    this.#hasHeartbeat = this.writer.length === 0;
    this.flush();
  }

  /** Sends a frame that reports the number of received bytes. */
  sendProgress(): void {
    this.writer.begin(FrameType.progress);
    this.writer.u64(this.receivedBytes);
    this.writer.end();
    this.flush();
  }

  /**
   * Notes the number of bytes that the other side reports as received. The system keeps up to some
   * megabytes of accepted data, and takes more only when a third of it has left: over a slow link that can
   * take longer than the limit for a slow reader.
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
   * @returns Some bytes, which belong to the caller, or `undefined` if the connection has ended.
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
   * @throws The owner's error, or an error about the bytes.
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
      // Here, and not in a function of its own: an idle link waits with as little as possible.
      let count: number | null = null;
      try {
        if (!this.#isClosed) count = await this.#duplex.read(this.#makeSpace());
      } catch (error) {
        if (!isConnectionEnd(error)) throw error;
      }
      if (count === null) break;
      this.#noteReceived(count);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Waits before it reads on; meanwhile silence is not the other side's. */
  async holdBack(gate: Promise<void>): Promise<void> {
    this.isHeldBack = true;
    await gate;
    this.isHeldBack = false;
  }

  /** Resolves when all written data has been accepted, or never will be. */
  drain(): Promise<void> {
    if (this.#isClosed || this.#isCut || this.outboundBytes === 0) return Promise.resolve();
    this.#drained ??= Promise.withResolvers();
    this.flush();
    return this.#drained.promise;
  }

  /** Drops what waits; returns whether something can be sent after what is on its way. */
  forget(): boolean {
    this.#drop();
    return this.#sendingBytes === 0;
  }

  /** Ends the connection; unsent data is dropped. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#duplex.close();
    this.#resolveDrained();
    this.#owner.handleClosed?.();
  }

  async #receive(): Promise<boolean> {
    if (this.#isClosed) return false;
    try {
      const count = await this.#duplex.read(this.#makeSpace());
      if (count === null) return false;
      this.#noteReceived(count);
      return true;
    } catch (error) {
      if (isConnectionEnd(error)) return false;
      throw error;
    }
  }

  #makeSpace(): Uint8Array {
    const { decoder } = this;
    const space = decoder.space(1, this.#owner.isThrifty);
    if (decoder.bufferBytes !== this.#bufferBytes) {
      this.#bufferBytes = decoder.bufferBytes;
      this.#owner.handleBuffer?.();
    }
    return space;
  }

  #noteReceived(count: number): void {
    this.decoder.received(count);
    this.receivedBytes += count;
    this.hasReceived = true;
  }

  async #sendAll(): Promise<void> {
    this.#isAnnounced = false;
    if (this.#isClosed) return;
    const isHeartbeat = this.writer.length === 0 && this.#hasHeartbeat;
    this.#hasHeartbeat = false;
    if (!isHeartbeat && this.#owner.isMuted) return this.close();
    this.#isSending = true;
    if (!this.#isInTurn) {
      this.#isInTurn = true;
      turns.add(this);
    }
    let bytes = isHeartbeat ? HEARTBEAT : this.writer.take();
    try {
      this.#sendingBytes = bytes.length;
      if (bytes.length === 0) this.writer.recycle(bytes);
      for (let sent = 0; this.#sendingBytes > 0;) {
        const count = await this.#duplex.write(sent === 0 ? bytes : bytes.subarray(sent));
        sent += count;
        this.sentBytes += count;
        this.#sendingBytes = bytes.length - sent;
        this.hasSent = true;
        const isOver = this.#sendingBytes === 0;
        if (isOver && bytes !== HEARTBEAT) this.writer.recycle(bytes);
        // The parts of what is divided leave at once, one after the other.
        if (isOver && !this.writer.isDivided) break;
        if (this.#owner.isMuted) this.close();
        if (this.#isClosed) break;
        if (!isOver) continue;
        bytes = this.writer.take();
        this.#sendingBytes = bytes.length;
        sent = 0;
      }
    } catch (error) {
      // The reader notices: `run` reads to the end, or throws an error that is more than an end.
      if (isConnectionEnd(error)) this.#cut();
      else {
        this.#fault = error;
        this.close();
      }
    } finally {
      this.#isSending = false;
    }
    if (!this.#isWaiting) this.#resolveDrained();
    if (this.isReady) this.#goOn();
  }

  /** Nothing that is written is taken any more. */
  #cut(): void {
    this.#isCut = true;
    this.#sendingBytes = 0;
    this.#drop();
  }

  #drop(): void {
    this.#hasHeartbeat = false;
    this.writer.drop();
  }

  /** The turn of its write is over. */
  endTurn(): void {
    this.#isInTurn = false;
    if (this.isReady) this.#goOn();
  }

  /** The write is done and its turn is over: sends what was written since. */
  #goOn(): void {
    if (this.#isClosed) return;
    this.#owner.handleReady?.();
    if (this.#isWaiting) this.flush();
  }

  /** Whether anything is to be sent by the next write. */
  get #isWaiting(): boolean {
    return this.writer.length > 0 || this.#hasHeartbeat;
  }

  #resolveDrained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

/** The links that have written in this turn of the event loop: one timer tells all of them of its end. */
class Turns {
  #links: Link[] = [];

  add(link: Link): void {
    if (this.#links.push(link) === 1) setImmediate(() => this.#end());
  }

  #end(): void {
    const links = this.#links;
    this.#links = [];
    for (const link of links) {
      try {
        link.endTurn();
      } catch (error) {
        // It is the fault of that link's owner: the others go on, and it is not lost.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

const turns = new Turns();

function writeHeartbeat(): Uint8Array {
  const writer = new FrameWriter();
  writer.begin(FrameType.heartbeat);
  writer.end();
  return writer.take();
}
