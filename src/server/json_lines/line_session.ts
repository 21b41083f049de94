import { setImmediate } from "node:timers";
import { BrokerError, FRAME_BYTES_RESERVE } from "../../../protocol.ts";
import { HANDSHAKE_BYTES_MAX } from "../../protocol/limits.ts";
import type { StreamSearch } from "../../broker/engine.ts";
import type { LinkFault } from "../../transport/heartbeat.ts";
import type { Outlet } from "../flow/outlet.ts";
import { nameFollowers, type Speaker, type SpokenInfo } from "../flow/speaker.ts";
import { PLACELESS_BYTES_MAX } from "../flow/receiving_room.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";
import { formatError, formatMessage, LineAnswers } from "./line_answers.ts";
import { LineBuffer } from "./line_buffer.ts";
import { type CursorAnswer, LineCursor } from "./line_cursor.ts";
import { LineFollowers } from "./line_followers.ts";
import { LinePublishers } from "./line_publishers.ts";
import {
  type CancelRequest,
  type FollowRequest,
  type LineRequest,
  readLineRequest,
  readLineToken,
} from "./line_request.ts";

/** The first byte of a connection that speaks JSON lines: `{`. */
export const FIRST_BYTE_OF_LINES = 0x7b;

/** A character of a body can be six bytes of a line: `\u0041`. */
const LINE_BYTES_PER_BODY_BYTE = 6;

/**
 * The session of a client that speaks the JSON lines of the original SimpleMQ: line by line in their
 * order, each done before the next one. Only messages may be under way together, and a follower that
 * waits for a message does not hold up the lines behind it.
 */
export class LineSession implements Speaker {
  readonly #answers: LineAnswers;
  readonly #lines: LineBuffer;
  readonly #publishers: LinePublishers;
  readonly #followers: LineFollowers;
  /** Whether a whole line has arrived. */
  #isOpen = false;
  #hasLeft = false;
  /** The line that is being carried out, if it has to wait. */
  #working: Promise<void> | undefined;
  /** Set once the broker is being stopped: no more lines are read. */
  #stopping: Promise<void> | undefined;

  constructor(outlet: Outlet) {
    // Where no credential is needed, the first line may be a large message.
    const { needsCredential } = outlet.context.access;
    this.#answers = new LineAnswers(outlet);
    this.#lines = new LineBuffer(needsCredential ? HANDSHAKE_BYTES_MAX : findLineBytesMax(outlet));
    this.#publishers = new LinePublishers(this.#answers);
    this.#followers = new LineFollowers(this.#answers);
  }

  get client(): string {
    return "json-lines";
  }

  describe(): SpokenInfo {
    const { count: publishers } = this.#publishers;
    const { count: followers } = this.#followers;
    const names = nameFollowers(this.#followers.values());
    return { client: this.client, protocol: "lines", publishers, followers, ...names };
  }

  get isBusy(): boolean {
    return this.#publishers.isFull;
  }

  async run(): Promise<void> {
    // These clients may be silent for hours, and know no heartbeats. In the middle of a line silence is a
    // fault, and the part that has arrived takes memory.
    this.#outlet.expectOnly(() => !this.#outlet.isWorking && this.#lines.pendingBytes > 0);
    const { seat } = this.#outlet.context;
    if (seat !== undefined && !seat.isServing && !seat.isAway) await seat.whenServing();
    await this.#serve();
    await this.#finish();
  }

  resume(): void {
    this.#followers.resume();
  }

  /** Finishes the lines under way, and begins no more. */
  sayGoodbye(): void {
    this.#answers.isStopping = true;
    this.#stopping ??= this.#stop();
  }

  explain(fault: LinkFault): BrokerError | undefined {
    if (fault === "late") {
      const { handshakeTimeoutMs } = this.#outlet.context;
      const why = `Cannot open a session: no whole line within ${handshakeTimeoutMs} ms`;
      return new BrokerError("HANDSHAKE_TIMEOUT", why);
    }
    if (fault === "slow") return undefined;
    return new BrokerError("HEARTBEAT_LOST", "the rest of a line has not come for too long");
  }

  writeError(error: BrokerError): void {
    this.#outlet.link.writer.text(`${formatError(error)}\n`);
  }

  leave(): void {
    this.#followers.close();
    this.#publishers.close();
    if (!this.#isOpen) return;
    const { number: session, context } = this.#outlet;
    const what = this.#hasLeft ? "session closed" : "session lost";
    context.log.debug(what, { session, client: this.client });
  }

  get #cursor(): LineCursor {
    const { engine, context: { turn } } = this.#outlet;
    return new LineCursor(engine, turn);
  }

  get #outlet(): Outlet {
    return this.#answers.outlet;
  }

  /** Reads lines until the client ends its side. */
  async #serve(): Promise<void> {
    let bytes: Uint8Array | undefined = new Uint8Array([FIRST_BYTE_OF_LINES]);
    while (bytes !== undefined) {
      // It may have ended while it received.
      if (this.#isEnding) return;
      this.#lines.push(bytes);
      for (let line = this.#lines.next(); line !== undefined; line = this.#lines.next()) {
        await this.#take(line);
        if (this.#isEnding) return;
      }
      bytes = await this.#receive();
    }
    this.#hasLeft = true;
    // The last line may lack its end.
    if (!this.#isEnding) await this.#take(this.#lines.takeRest());
  }

  /** Whether no more lines are carried out. */
  get #isEnding(): boolean {
    return this.#outlet.isOver || this.#answers.isStopping;
  }

  /** Receives more; of a long line only if there is a place for it. */
  async #receive(): Promise<Uint8Array | undefined> {
    const { pendingBytes } = this.#lines;
    const outlet = this.#outlet;
    // Bytes beyond the size of a handshake are a message, which may arrive slowly.
    if (pendingBytes > HANDSHAKE_BYTES_MAX) outlet.noteReady();
    // A client that is idle for hours keeps its buffer: it is small if the last bytes did not fill it.
    outlet.noteLine(pendingBytes, pendingBytes === 0 && !outlet.link.decoder.hasFilled);
    const placeless = outlet.isThrifty ? HANDSHAKE_BYTES_MAX : PLACELESS_BYTES_MAX;
    if (pendingBytes <= placeless) outlet.freePlace();
    else {
      const gate = outlet.waitForPlace(outlet.context.lineRoom, this.#lines.lineBytesMax);
      if (gate !== undefined) await outlet.link.holdBack(gate);
    }
    outlet.isWorking = false;
    const bytes = await outlet.link.readBytes();
    outlet.isWorking = true;
    return bytes;
  }

  /** Carries out a line, and waits until the next one may be read. */
  #take(line: Uint8Array): Promise<void> | undefined {
    if (!this.#isOpen && this.#open(line)) return undefined;
    this.#working = this.#work(line);
    const { context, gate } = this.#outlet;
    const turn = context.turn.note();
    if (this.#working === undefined && gate.isOpen) return turn;
    return this.#afterWork(this.#working ?? turn);
  }

  async #afterWork(working: Promise<void> | undefined): Promise<void> {
    await working;
    this.#working = undefined;
    const { gate } = this.#outlet;
    if (!this.#answers.isStopping) await gate.until(() => gate.isOpen);
  }

  /** Finds the user by the first line; returns whether the line says nothing else. */
  #open(line: Uint8Array): boolean {
    const outlet = this.#outlet;
    const { seat } = outlet.context;
    if (seat?.isAway) throw seat.refuse("Cannot open a session");
    const { token, isAlone } = readLineToken(line);
    outlet.logIn({ token });
    this.#isOpen = true;
    this.#lines.lineBytesMax = findLineBytesMax(outlet);
    outlet.noteReady();
    const { number: session, peer, context: { log } } = outlet;
    // A publisher of the original opens a connection for each message: at `info` that would be two
    // lines in the log for every message.
    log.debug("session opened", { session, client: this.client, peer, ...outlet.login.describe() });
    return isAlone;
  }

  /** Carries out a line; returns a promise to wait for, if there is one. */
  #work(line: Uint8Array): Promise<void> | undefined {
    try {
      const request = readLineRequest(line);
      if (request === undefined) return undefined;
      if (request.type !== "NEW_MESSAGE") return this.#inTurn(() => this.#do(request));
      const search = { kind: "publisher", bind: request.bind } as const;
      if (this.#isPrepared(search)) return void this.#publishers.publish(request);
      return this.#inTurn(async () => {
        await this.#prepare(search);
        if (!this.#outlet.isOver) this.#publishers.publish(request);
      });
    } catch (error) {
      return this.#inTurn(() => {
        throw error;
      });
    }
  }

  /** Whether a member can be bound at once; if not, does some of the matching. */
  #isPrepared(search: StreamSearch): boolean {
    return this.#outlet.engine.prepare(search, SLICE_STEPS);
  }

  /** Matches a pattern with all streams, a slice at a time. */
  async #prepare(search: StreamSearch): Promise<void> {
    const outlet = this.#outlet;
    while (!outlet.isOver && !this.#isPrepared(search)) await outlet.context.turn.note();
  }

  /** Does something when the outcomes of all earlier messages are known and told. */
  async #inTurn(act: () => Promise<void> | void): Promise<void> {
    const outlet = this.#outlet;
    if (!this.#publishers.isIdle) await outlet.gate.until(() => this.#publishers.isIdle);
    if (outlet.isOver) return;
    try {
      await act();
    } catch (cause) {
      const error = outlet.asBrokerError(cause);
      if (error.fatal) throw error;
      this.#answers.report(error);
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
      case "CANCEL_MESSAGE":
        return this.#cancel(request);
      case "GIVE_ME_NEW_MESSAGE":
        return this.#follow(request);
      case "ACK_MESSAGE":
        return this.#followers.ack(request.id);
    }
  }

  async #createStream(name: string): Promise<void> {
    const { number: session, user, engine, context: { sessionLog, turn } } = this.#outlet;
    while (!engine.prepareStream(name, SLICE_STEPS)) await turn.note();
    const isNew = await engine.createStream(name);
    if (!isNew) return;
    sessionLog.noteChange("stream created", {
      subject: { stream: name },
      user: user.name,
      session,
    });
  }

  async #cancel({ stream, id, reason, isDeadLetter }: CancelRequest): Promise<void> {
    const { number: session, user, engine, context: { sessionLog } } = this.#outlet;
    const { was } = await engine.cancelMessage(stream, id, { reason, isDeadLetter });
    if (was !== "gone") {
      const about = { subject: { stream }, user: user.name, session };
      sessionLog.noteChange("message cancelled", about);
    }
    this.#answers.say(formatMessage(JSON.stringify(was), 0));
  }

  async #answer(answer: Promise<CursorAnswer>): Promise<void> {
    const { body, isTruncated } = await answer;
    this.#answers.say(formatMessage(body, 0, isTruncated));
  }

  async #follow(request: FollowRequest): Promise<void> {
    const outlet = this.#outlet;
    await this.#prepare({ kind: "follower", bind: request.bind });
    if (outlet.isOver) return;
    const opened = this.#followers.request(request);
    if (opened === undefined) return;
    const { name: follower, bind: { bindType, routeString } } = request;
    const about = { session: outlet.number, follower, [bindType]: routeString };
    outlet.context.log.debug("follower opened", about);
    while (!outlet.isOver && !opened.attach()) await outlet.context.turn.note();
  }

  /** The client has ended its side: sends the answers that are still possible. */
  async #finish(): Promise<void> {
    const outlet = this.#outlet;
    if (outlet.ending !== undefined) return await outlet.ending;
    if (this.#stopping !== undefined) return await this.#stopping;
    await outlet.gate.until(() => this.#publishers.isIdle);
    // Ready messages are delivered in this turn; later ones are not waited for.
    if (this.#followers.isAwaited) await new Promise<void>((resolve) => void setImmediate(resolve));
    // The watch finds a client that does not read.
    await outlet.link.drain();
  }

  async #stop(): Promise<void> {
    const { gate, link } = this.#outlet;
    // The loop that carries out the line reports its error.
    await this.#working?.catch(() => {});
    await gate.until(() => this.#publishers.isIdle);
    const error = new BrokerError("SHUTTING_DOWN", "the broker is being stopped");
    this.#answers.say(formatError(error));
    await link.drain();
    link.close();
  }
}

/** The longest line of a session that has a user, in bytes. */
function findLineBytesMax({ context: { limits } }: Outlet): number {
  return limits.bodyBytes * LINE_BYTES_PER_BODY_BYTE + FRAME_BYTES_RESERVE;
}
