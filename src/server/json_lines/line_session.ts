/**
 * The session of a client that speaks the JSON lines of the original SimpleMQ: line by line in their
 * order, each done before the next one. Only messages may be under way together, and who waits for a
 * message holds nobody up.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import { setImmediate } from "node:timers";
import { type BindFields, BrokerError, type SessionLimits } from "../../../protocol.ts";
import { FRAME_BYTES_RESERVE, HANDSHAKE_BYTES_MAX } from "../../protocol/limits.ts";
import type { Engine } from "../../broker/engine.ts";
import type { LinkFault, Watch } from "../../transport/heartbeat.ts";
import type { Link, LinkOwner } from "../../transport/link.ts";
import { FIRST_BYTE_OF_LINES } from "../frames/handshake.ts";
import { LineBuffer } from "./line_buffer.ts";
import { type CursorAnswer, LineCursor } from "./line_cursor.ts";
import { LineFollowers } from "./line_followers.ts";
import { formatMessage, type LineHost } from "./line_answers.ts";
import { LinePublishers } from "./line_publishers.ts";
import { type FollowRequest, type LineRequest, readLineRequest } from "./line_request.ts";
import type { SessionContext } from "../flow/session_context.ts";
import { type Place, PLACELESS_BYTES_MAX } from "../flow/receiving_room.ts";
import { asBrokerError, explainFault } from "../flow/outlet.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";

/** A connection whose first byte has shown that it speaks JSON lines. */
export interface LineCaller {
  /** The number of its session. */
  readonly number: number;
  /** Whose it is. */
  readonly peer: string;
  /** The connection, of which the first byte is read. */
  readonly link: Link;
  /** When it was opened, in milliseconds. */
  readonly openedAt: number;
  /** How much of what was sent to it is not taken yet, where the system tells that. */
  readonly countQueued?: ((now: number) => number | undefined) | undefined;
}

/** A character of a body can be six bytes of a line: `\u0041`. */
const LINE_BYTES_PER_BODY_BYTE = 6;

/** How long an error line may take to leave before the connection is closed, in milliseconds. */
const FAREWELL_MS = 1000;

/** What all clients that speak JSON lines are called in the log. */
const CLIENT = "json-lines";

/** One client's session. */
export class LineSession implements LinkOwner, LineHost {
  readonly number: number;
  readonly link: Link;
  readonly #context: SessionContext;
  readonly #caller: LineCaller;
  readonly #lines: LineBuffer;
  readonly #publishers: LinePublishers;
  readonly #followers: LineFollowers;
  readonly #cursor: LineCursor;
  #watch: Watch | undefined;
  /** Whether it waits for what the client says next. */
  #isReceiving = false;
  /** Set while a long line comes in. */
  #place: Place | undefined;
  /** Whether a whole line has come. */
  #isOpen = false;
  #hasLeft = false;
  /** The line that is being worked on, if it has to wait for something. */
  #working: Promise<void> | undefined;
  /** Set once the broker is being stopped: no more lines are read. */
  #stopping: Promise<void> | undefined;
  /** Set once the client is being told why the session ends. */
  #ending: Promise<void> | undefined;
  #wasFull = false;
  #isAwaitingBudget = false;
  /** Set while something is waited for that may have become true when it resolves. */
  #changed: PromiseWithResolvers<void> | undefined;

  constructor(caller: LineCaller, context: SessionContext) {
    this.number = caller.number;
    this.link = caller.link;
    this.#caller = caller;
    this.#context = context;
    const { bodyBytes } = context.limits;
    this.#lines = new LineBuffer(bodyBytes * LINE_BYTES_PER_BODY_BYTE + FRAME_BYTES_RESERVE);
    this.#publishers = new LinePublishers(this, () => this.#noteChange());
    this.#followers = new LineFollowers(this);
    this.#cursor = new LineCursor(context.engine);
    this.link.handTo(this);
  }

  get engine(): Engine {
    return this.#context.engine;
  }

  get limits(): SessionLimits {
    return this.#context.limits;
  }

  get isFull(): boolean {
    return this.link.isCut || this.#isBehind;
  }

  /** Whether more waits for the client than should. */
  get #isBehind(): boolean {
    if (this.#isOver || this.#stopping !== undefined) return true;
    const isFull = this.link.outboundBytes >= this.#context.outboundBytesMax;
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  /** Serves the client until it leaves or has to. */
  async run(): Promise<void> {
    const { heartbeat, heartbeatLimits, handshakeTimeoutMs, now } = this.#context;
    this.#watch = heartbeat.watch(this.link, {
      // These clients may say nothing for hours, and would not know what a heartbeat is.
      limits: { ...heartbeatLimits, heartbeatMs: Infinity },
      // In the middle of a line silence is not what they do, and what has come of it is kept.
      expects: () => this.#isReceiving && this.#lines.pendingBytes > 0,
      deadline: this.#caller.openedAt + handshakeTimeoutMs,
      onFault: (fault) => this.#giveUp(fault),
      countQueued: this.#caller.countQueued,
    }, now());
    try {
      await this.#serve();
      await this.#finish();
    } catch (error) {
      await this.#endWith(error);
    } finally {
      this.#leave();
    }
  }

  /** The broker is being stopped: what is under way is finished, and nothing else begun. */
  sayGoodbye(): void {
    this.#stopping ??= this.#stop();
  }

  say(line: string): void {
    if (this.#isOver) return;
    this.link.writer.text(`${line}\n`);
    this.link.flush();
  }

  report(error: BrokerError): void {
    if (error.fatal) return void this.#endWith(error);
    this.say(formatError(error));
  }

  useBudget(bytes: number): void {
    this.#context.budget.use(bytes);
  }

  freeBudget(bytes: number): void {
    this.#context.budget.free(bytes);
  }

  handleFrame(): void {
    // No frames come over a link that nobody reads frames from.
  }

  handleReady(): void {
    this.#noteChange();
    if (!this.#wasFull || this.link.outboundBytes >= this.#context.outboundBytesMax) return;
    this.#wasFull = false;
    this.#followers.resume();
  }

  handleClosed(): void {
    this.#freePlace();
    this.#noteChange();
  }

  /** Whether nothing can be said to the client any more. */
  get #isOver(): boolean {
    return this.#ending !== undefined || this.link.isClosed;
  }

  /** Whether nothing is in the way of the next line. */
  get #mayRead(): boolean {
    return !this.#isBehind && !this.#publishers.isFull && !this.#context.budget.isSpent;
  }

  /** Reads lines until the client has said its last one. */
  async #serve(): Promise<void> {
    let bytes: Uint8Array | undefined = new Uint8Array([FIRST_BYTE_OF_LINES]);
    while (bytes !== undefined) {
      this.#lines.push(bytes);
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        await this.#take(line);
        if (this.#isOver || this.#stopping !== undefined) return;
      }
      bytes = await this.#receive();
    }
    this.#hasLeft = true;
    // The last line may come without an end.
    if (!this.#isOver && this.#stopping === undefined) await this.#take(this.#lines.takeRest());
  }

  /** Receives more; of a long line only if there is a place for it. */
  async #receive(): Promise<Uint8Array | undefined> {
    const { pendingBytes } = this.#lines;
    // What is longer than any handshake is a message on its way, which may come slowly.
    if (pendingBytes > HANDSHAKE_BYTES_MAX) this.#watch?.noteReady();
    const gate = this.#waitToReceive(pendingBytes);
    if (gate !== undefined) await this.link.holdBack(gate);
    this.#isReceiving = true;
    const bytes = await this.link.readBytes();
    this.#isReceiving = false;
    return bytes;
  }

  #waitToReceive(pendingBytes: number): Promise<void> | undefined {
    if (pendingBytes <= PLACELESS_BYTES_MAX) {
      this.#freePlace();
      return undefined;
    }
    this.#place ??= this.#context.lineRoom.ask({
      bytes: this.#lines.lineBytesMax,
      countReceived: () => this.link.receivedBytes,
      end: (error) => void this.#endWith(error),
    });
    return this.#place.wait();
  }

  #freePlace(): void {
    this.#place?.free();
    this.#place = undefined;
  }

  /** Works on a line, and waits until another one may come. */
  #take(line: Uint8Array): Promise<void> | undefined {
    if (!this.#isOpen) this.#open();
    this.#working = this.#work(line);
    const turn = this.#context.turn.note();
    if (this.#working === undefined && this.#mayRead) return turn;
    return this.#afterWork(this.#working ?? turn);
  }

  async #afterWork(working: Promise<void> | undefined): Promise<void> {
    await working;
    this.#working = undefined;
    if (this.#stopping === undefined) await this.#waitUntil(() => this.#mayRead);
  }

  #open(): void {
    this.#isOpen = true;
    this.#watch?.noteReady();
    // A publisher of the original opens a connection for each message: at `info` that would be two
    // lines in the log for every message.
    this.#context.log.debug("session opened", {
      session: this.number,
      client: CLIENT,
      peer: this.#caller.peer,
    });
  }

  /** Does what a line says; what has to wait is waited for by whoever calls. */
  #work(line: Uint8Array): Promise<void> | undefined {
    try {
      const request = readLineRequest(line);
      if (request === undefined) return undefined;
      if (request.type !== "NEW_MESSAGE") return this.#inTurn(() => this.#do(request));
      if (this.#isPrepared(request.bind)) return void this.#publishers.publish(request);
      return this.#inTurn(async () => {
        await this.#prepare(request.bind);
        if (!this.#isOver) this.#publishers.publish(request);
      });
    } catch (error) {
      return this.#inTurn(() => {
        throw error;
      });
    }
  }

  /** Whether a member can be tied to something at once; if not, some of what that takes is done. */
  #isPrepared(bind: BindFields): boolean {
    return this.engine.prepare(bind, SLICE_STEPS);
  }

  /** Does what makes it slow to tie a member to a pattern, a slice at a time. */
  async #prepare(bind: BindFields): Promise<void> {
    while (!this.#isOver && !this.#isPrepared(bind)) await this.#context.turn.note();
  }

  /** Does something when it is known, and told, what became of all that was published before. */
  async #inTurn(act: () => Promise<void> | void): Promise<void> {
    if (!this.#publishers.isIdle) await this.#waitUntil(() => this.#publishers.isIdle);
    if (this.#isOver) return;
    try {
      await act();
    } catch (cause) {
      const error = asBrokerError(cause, this.#context.log);
      if (error.fatal) throw error;
      this.report(error);
    }
  }

  #do(request: Exclude<LineRequest, { type: "NEW_MESSAGE" }>): Promise<void> | void {
    switch (request.type) {
      case "CREATE_STREAM":
        return this.#createStream(request.name);
      case "GET_STREAMS":
        return this.#answer(this.#cursor.getStreams());
      case "GET_STREAM":
        return this.#answer(this.#cursor.getStream(request.name));
      case "GET_PELS":
        return this.#answer(this.#cursor.getPels());
      case "GET_PEL":
        return this.#answer(this.#cursor.getPel(request.name));
      case "GIVE_ME_NEW_MESSAGE":
        return this.#follow(request);
      case "ACK_MESSAGE":
        return this.#followers.ack(request.id);
    }
  }

  async #createStream(name: string): Promise<void> {
    while (!this.engine.prepareStream(name, SLICE_STEPS)) await this.#context.turn.note();
    if (!await this.engine.createStream(name)) return;
    this.#context.log.info("stream created", { stream: name, session: this.number });
  }

  async #answer(answer: Promise<CursorAnswer>): Promise<void> {
    const { body, isTruncated } = await answer;
    this.say(formatMessage(body, 0, isTruncated));
  }

  async #follow(request: FollowRequest): Promise<void> {
    await this.#prepare(request.bind);
    if (this.#isOver) return;
    const opened = this.#followers.request(request);
    if (opened === undefined) return;
    const { name, bind: { bindType, routeString } } = request;
    this.#context.log.debug("follower opened", {
      session: this.number,
      follower: name,
      [bindType]: routeString,
    });
    while (!this.#isOver && !opened.attach()) await this.#context.turn.note();
  }

  /** Resolves when something is true, or when it does not matter any more. */
  async #waitUntil(isTrue: () => boolean): Promise<void> {
    while (!this.link.isClosed && !isTrue()) {
      this.#awaitBudget();
      this.#changed ??= Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  #noteChange(): void {
    this.#changed?.resolve();
    this.#changed = undefined;
  }

  /** Notes when there is something left of the budget, if it is spent. */
  #awaitBudget(): void {
    if (this.#isAwaitingBudget) return;
    const room = this.#context.budget.wait();
    if (room === undefined) return;
    this.#isAwaitingBudget = true;
    room.then(() => {
      this.#isAwaitingBudget = false;
      this.#noteChange();
    });
  }

  /** The client will say no more: it is told what it can still be told. */
  async #finish(): Promise<void> {
    if (this.#ending !== undefined) return await this.#ending;
    if (this.#stopping !== undefined) return await this.#stopping;
    await this.#waitUntil(() => this.#publishers.isIdle);
    // What is there is handed out in this turn; for what may come later nobody waits.
    if (this.#followers.isAwaited) await new Promise<void>((resolve) => void setImmediate(resolve));
    // Who does not take it is found by the watch.
    await this.link.drain();
  }

  async #stop(): Promise<void> {
    // What the line runs into is told by whoever works on it.
    await this.#working?.catch(() => {});
    await this.#waitUntil(() => this.#publishers.isIdle);
    this.say(formatError(new BrokerError("SHUTTING_DOWN", "the broker is being stopped")));
    await this.link.drain();
    this.link.close();
  }

  #giveUp(fault: LinkFault): void {
    if (fault === "late") {
      const { handshakeTimeoutMs } = this.#context;
      const why = `Cannot open a session: no whole line within ${handshakeTimeoutMs} ms`;
      return void this.#endWith(new BrokerError("HANDSHAKE_TIMEOUT", why));
    }
    if (fault === "silent") {
      const why = "the rest of a line has not come for too long";
      return void this.#endWith(new BrokerError("HEARTBEAT_LOST", why));
    }
    this.#logEnd(explainFault(fault));
    // Who does not read cannot be told; the connection just ends.
    this.link.close();
  }

  #endWith(cause: unknown): Promise<void> {
    this.#ending ??= this.#end(asBrokerError(cause, this.#context.log));
    return this.#ending;
  }

  async #end(error: BrokerError): Promise<void> {
    this.#watch?.end();
    this.#logEnd(error);
    if (this.link.isClosed) return;
    this.link.writer.text(`${formatError(error)}\n`);
    // A client that does not take its error line is closed all the same.
    await deadline(this.link.drain(), FAREWELL_MS).catch(() => {});
    this.link.close();
  }

  #leave(): void {
    this.#watch?.end();
    this.link.close();
    this.#followers.close();
    this.#publishers.close();
    if (!this.#isOpen) return;
    this.#context.log.debug(this.#hasLeft ? "session closed" : "session lost", {
      session: this.number,
      client: CLIENT,
    });
  }

  #logEnd(error: BrokerError): void {
    this.#context.log.warning("session ended with an error", {
      session: this.number,
      client: CLIENT,
      peer: this.#caller.peer,
      code: error.code,
      error: error.message,
    });
  }
}

function formatError({ code, message }: BrokerError): string {
  return JSON.stringify({ error: { code, message } });
}
