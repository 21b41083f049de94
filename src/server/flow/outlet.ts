import { deadline } from "@std/async/deadline";
import {
  BrokerError,
  type ConnectionInfo,
  type FrameDecoder,
  writeControlFrame,
} from "../../../protocol.ts";
import { BUFFER_BYTES_MIN } from "../../protocol/frames/frame_decoder.ts";
import { JSON_STRINGS_MAX } from "../../protocol/json_strings.ts";
import { HANDSHAKE_BYTES_MAX } from "../../protocol/limits.ts";
import type { Engine } from "../../broker/engine.ts";
import type { LinkFault } from "../../transport/heartbeat.ts";
import { Link, type LinkOwner } from "../../transport/link.ts";
import type { Credentials } from "../access/access.ts";
import type { User } from "../access/user.ts";
import type { ManagedConnection } from "../management/management.ts";
import type { InputHolder } from "./input_memory.ts";
import { ReadingGate } from "./reading_gate.ts";
import { PLACELESS_BYTES_MAX, type ReceivingPlace, type ReceivingRoom } from "./receiving_room.ts";
import type { SessionContext } from "./session_context.ts";
import { SessionLogin } from "./session_login.ts";
import { type Caller, SILENT, type Speaker } from "./speaker.ts";
import { SessionWatch } from "./session_watch.ts";
import type { ReplyWaiter } from "./waiting_replies.ts";

/** How long an error may take to leave before the connection is closed, in milliseconds. */
const FAREWELL_MS = 1000;

/** One connection, with the parts that all protocols share: fullness, places, the end. */
export class Outlet implements LinkOwner, InputHolder, ReplyWaiter, ManagedConnection {
  /** The session's number, for logs. */
  readonly number: number;
  /** The client's address. */
  readonly peer: string;
  readonly context: SessionContext;
  readonly link: Link;
  readonly gate: ReadingGate;
  readonly login: SessionLogin;
  /** Set while a large frame or line arrives. */
  place: ReceivingPlace | undefined;
  /** Whether lines that have come are being carried out, and nothing more is received. */
  isWorking = false;
  readonly #caller: Caller;
  readonly #watch: SessionWatch;
  /** In milliseconds since 1970. */
  readonly #connectedAt = Date.now();
  #speaker: Speaker | undefined;
  #ending: Promise<void> | undefined;
  #wasFull = false;
  /** The bytes of a line that has not come to its end. */
  #keptBytes = 0;
  #isThrifty = false;

  constructor(caller: Caller, number: number, context: SessionContext) {
    const { duplex, peer, countQueued } = caller;
    this.#caller = caller;
    this.login = new SessionLogin(caller, context);
    this.number = number;
    this.peer = peer;
    this.context = context;
    this.link = new Link(duplex, this, HANDSHAKE_BYTES_MAX);
    this.link.decoder.jsonStringsMax = JSON_STRINGS_MAX;
    this.gate = new ReadingGate({
      link: this.link,
      budget: context.budget,
      share: context.outbound,
      isBusy: () => this.#speaker?.isBusy ?? false,
      isHalted: () => this.#isHalted,
      turn: context.turn,
    });
    this.#watch = new SessionWatch(this.link, context, {
      isDeaf: () => this.gate.isDeaf,
      silence: () => this.#speaker?.silence?.() ?? 0,
      onFault: (fault) => this.#giveUp(fault),
      countQueued,
    });
  }

  /** The engine as the session's user may use it. */
  get engine(): Engine {
    return this.login.require().engine;
  }

  /** Whose session it is. */
  get user(): User {
    return this.login.require().user;
  }

  /** Set once the client is being told why the session ends; resolves when it was told. */
  get ending(): Promise<void> | undefined {
    return this.#ending;
  }

  /** Whose session it is; undefined before the client has logged in. */
  get userName(): string | undefined {
    return this.login.userName;
  }

  /** Describes the connection for an operator. */
  describe(): ConnectionInfo {
    const { number: id, userName, link, peer: address } = this;
    return {
      id,
      ...this.#speaker?.describe() ?? SILENT,
      ...this.#caller.inProcess && { protocol: "in-process" },
      ...userName !== undefined && { user: userName },
      address,
      encrypted: this.#caller.encryption !== undefined,
      connectedAt: this.#connectedAt,
      receivedBytes: link.receivedBytes,
      sentBytes: link.sentBytes,
      outboundBytes: link.outboundBytes,
    };
  }

  /** Whether nothing can be sent to the client any more. */
  get isOver(): boolean {
    return this.#ending !== undefined || this.link.isClosed;
  }

  /** Whether the client is told nothing at present: this broker of a cluster may not answer. */
  get isMuted(): boolean {
    return this.#isHalted && this.context.seat?.isLettingGo !== true;
  }

  /** Whether the client is not heard at present. */
  get #isHalted(): boolean {
    const { seat } = this.context;
    return seat !== undefined && !seat.isServing && this.login.isDone &&
      this.#ending === undefined && this.#speaker?.standsBy !== true;
  }

  /** Whether too much waits for the client; {@linkcode Speaker.resume} is called when it does not. */
  get isFull(): boolean {
    if (this.isOver || this.link.isCut) return true;
    const isFull = this.link.outboundBytes >= this.context.outbound.bytesMax;
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  /**
   * Serves the client until it leaves or is disconnected.
   *
   * @param open Chooses the client's protocol by the first byte that it sends.
   */
  async serve(open: (firstByte: number) => Speaker): Promise<void> {
    try {
      const first = await this.link.readPreface(1);
      if (first === undefined) return;
      if (this.#ending !== undefined) return await this.#ending;
      this.#speaker = open(first[0]!);
      await this.#speaker.run();
    } catch (error) {
      await this.endWith(error);
    } finally {
      this.#watch.end();
      this.link.close();
      await this.#speaker?.leave();
      this.login.end();
    }
  }

  /** Finds the session's user; throws `UNAUTHORIZED` or `TOO_MANY_CONNECTIONS`. */
  logIn(shown: Pick<Credentials, "token">): void {
    this.login.logIn(shown, (error) => {
      if (error === undefined) this.link.close();
      else this.endWith(error);
    });
  }

  /** The handshake is done: its timeout no longer applies. */
  noteReady(): void {
    this.#watch.noteReady();
  }

  /** From now on silence counts only inside a message, and no heartbeats are sent. */
  expectOnly(expects: () => boolean): void {
    this.#watch.expectOnly(expects);
  }

  /** Tells the client that the broker is being stopped. */
  sayGoodbye(): void {
    if (this.login.isHeld) return this.link.close();
    if (this.#speaker !== undefined) return this.#speaker.sayGoodbye();
    this.endWith(new BrokerError("SHUTTING_DOWN", "the broker is being stopped"));
  }

  /** Tells the client which brokers belong to the cluster now. */
  tellBrokers(brokers: readonly string[]): void {
    if (this.login.isDone && this.ending === undefined) this.#speaker?.tellBrokers?.(brokers);
  }

  /** Tells the client which broker serves it now, unless it has no session or asks about this broker only. */
  sendAway(error: BrokerError): void {
    if (this.login.isDone && this.#speaker?.standsBy !== true) this.endWith(error);
  }

  /** Tells the client the error, and closes the connection. */
  endWith(cause: unknown): Promise<void> {
    const error = this.asBrokerError(cause);
    this.#ending ??= this.#end(error);
    return this.#ending;
  }

  /** Sends what was written, and closes the connection; nothing more is read. */
  endWell(): void {
    this.#ending ??= this.#sayFarewell();
  }

  /** Passes the protocol's errors on; anything else is a fault of the broker, logged in full. */
  asBrokerError(cause: unknown): BrokerError {
    if (cause instanceof BrokerError) return cause;
    const error = cause instanceof Error ? cause.stack ?? cause.message : String(cause);
    this.context.log.error("unexpected error in a session", { error });
    return new BrokerError("INTERNAL_ERROR", "an unexpected fault in the broker", { cause });
  }

  /** A promise to wait for before more of a large frame or line is received, if there is one. */
  waitForPlace(room: ReceivingRoom, bytes: number): Promise<void> | undefined {
    this.place ??= room.ask({
      bytes,
      countReceived: () => this.link.receivedBytes,
      end: (error) => void this.endWith(error),
    });
    return this.place.wait();
  }

  freePlace(): void {
    this.place?.free();
    this.place = undefined;
  }

  get receivedBytes(): number {
    return this.link.receivedBytes;
  }

  get unfinishedBytes(): number {
    const { isHeldBack, decoder } = this.link;
    return isHeldBack || this.isWorking ? 0 : decoder.pendingBytes + this.#keptBytes;
  }

  get isThrifty(): boolean {
    return this.#isThrifty || this.context.inputMemory.isSpent;
  }

  /**
   * Notes the part of a line that has come: beside the buffer of the link it takes up memory, too.
   *
   * @param bytes Its bytes.
   * @param isThrifty Whether the buffer of the link should be no larger than necessary.
   */
  noteLine(bytes: number, isThrifty: boolean): void {
    this.#isThrifty = isThrifty;
    if (bytes === this.#keptBytes) return;
    this.#keptBytes = bytes;
    this.handleBuffer();
  }

  get outboundBytes(): number {
    return this.link.outboundBytes;
  }

  /**
   * Notes replies or answers that are about to be written; they are not held back, however large. The
   * session may be over then.
   */
  noteAnswer(bytes: number): void {
    this.context.waitingReplies.add(this, bytes);
  }

  endAsSlow(): void {
    // They must not be dropped silently: with the session its requests fail.
    const why = `the client does not read its replies: ${this.outboundBytes} bytes wait for it`;
    this.endWith(new BrokerError("SLOW_READER", why));
  }

  cutOff(): void {
    this.link.close();
  }

  /** Counts what an encrypted connection keeps, too: that changes with each read. */
  lookAtMemory(): void {
    if (this.#caller.encryption !== undefined) this.handleBuffer();
  }

  handleBuffer(): void {
    const { link: { decoder, isClosed }, context } = this;
    const held = this.#caller.duplex.heldBytes ?? 0;
    const bytes = Math.max(0, decoder.bufferBytes - BUFFER_BYTES_MIN + this.#keptBytes) + held;
    context.inputMemory.note(this, isClosed ? 0 : bytes);
  }

  handleFrame(_frame: FrameDecoder): void {
    // The link hands frames to the session that asked for them.
  }

  handleReady(): void {
    this.#speaker?.handleReady?.();
    this.gate.look();
    if (!this.#wasFull || this.link.outboundBytes >= this.context.outbound.bytesMax) return;
    this.#wasFull = false;
    this.#speaker?.resume();
  }

  waitToRead(): Promise<void> | undefined {
    return this.gate.wait();
  }

  waitToReceive(bytes: number): Promise<void> | undefined {
    const { context: { inputMemory, receivingRoom }, link: { decoder } } = this;
    const placeless = inputMemory.isSpent ? decoder.bufferBytes : PLACELESS_BYTES_MAX;
    if (this.place === undefined && bytes <= placeless) return undefined;
    return this.waitForPlace(receivingRoom, bytes);
  }

  handleClosed(): void {
    this.freePlace();
    this.handleBuffer();
    this.context.waitingReplies.remove(this);
    this.gate.look();
    this.login.handleClosed();
  }

  #giveUp(fault: LinkFault): void {
    const told = this.#speaker?.explain?.(fault);
    if (told !== undefined) return void this.endWith(told);
    if (fault === "late") {
      const why = `no handshake within ${this.context.handshakeTimeoutMs} ms`;
      const error = new BrokerError("HANDSHAKE_TIMEOUT", `Cannot open a session: ${why}`);
      return void this.endWith(error);
    }
    // A client that is silent or does not read cannot be told; its connection just ends.
    this.#logEnd(
      fault === "silent"
        ? new BrokerError("HEARTBEAT_LOST", "nothing was heard from the client for too long")
        : new BrokerError("SLOW_READER", "the client does not read"),
    );
    this.link.close();
  }

  async #end(error: BrokerError): Promise<void> {
    this.#watch.end();
    // What was written when the broker might answer must not leave any more.
    if (this.isMuted && !this.link.forget()) this.link.close();
    if (error.code === "NOT_ACTIVE") this.login.notePing();
    if (!this.login.isRefusedBy(error)) this.#logEnd(error);
    else if (!await this.login.hold(error, this.number)) this.link.close();
    if (this.link.isClosed) return;
    const { code, message, details } = error;
    const figures = Object.keys(details).length > 0 ? { details } : {};
    if (this.#speaker?.writeError !== undefined) this.#speaker.writeError(error);
    else writeControlFrame(this.link.writer, "error", { code, message, ...figures });
    await this.#sayFarewell();
  }

  /** A client that does not read what is left for it is closed all the same. */
  async #sayFarewell(): Promise<void> {
    await deadline(this.link.drain(), FAREWELL_MS).catch(() => {});
    this.link.close();
  }

  #logEnd(error: BrokerError): void {
    if (error.code === "SLOW_READER") this.context.counters.slowReaders++;
    // Who has closed it is told already, and that another broker is active.
    if (error.code === "CLOSED_BY_OPERATOR" || error.code === "NOT_ACTIVE") return;
    this.context.sessionLog.noteFailure({
      session: this.number,
      client: this.#speaker?.client ?? "unknown",
      peer: this.peer,
      code: error.code,
      error: error.message,
    });
  }
}
