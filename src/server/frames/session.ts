import {
  type BindFields,
  BrokerError,
  type FrameDecoder,
  FrameType,
  type Hello,
  MAGIC,
  readControlFrame,
  readVerdict,
  type TagFields,
  writeControlFrame,
} from "../../../protocol.ts";
import { BROKERS, STORED_AT, WORK } from "../../protocol/frames/control_frame.ts";
import { describeFrameType } from "../../protocol/frames/frame_type.ts";
import { BATCH_COUNT_MAX } from "../../protocol/limits.ts";
import { readCredit, readPublish, readTags } from "../../protocol/frames/message_frame.ts";
import type { StreamSearch } from "../../broker/engine.ts";
import type { Outlet } from "../flow/outlet.ts";
import { nameFollowers, type Speaker, type SpokenInfo } from "../flow/speaker.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";
import { Answers } from "./answers.ts";
import { checkMagic, makeWelcome, readHello } from "./handshake.ts";
import { type Credit, SessionFollower, type TagsVerb } from "./session_follower.ts";
import { SessionMembers } from "./session_members.ts";
import { SessionPublisher } from "./session_publisher.ts";
import { SessionQueries } from "./session_queries.ts";
import { SessionReplies } from "./session_replies.ts";

/**
 * One client's session in frames: the handshake, and a table of handlers for frames. Only the sessions know
 * both frames and the engine.
 */
export class Session implements Speaker {
  readonly #outlet: Outlet;
  readonly #answers: Answers;
  readonly #firstByte: number;
  readonly #publishers: SessionMembers<SessionPublisher>;
  readonly #followers: SessionMembers<SessionFollower>;
  readonly #queries: SessionQueries;
  /** Its requests that wait for replies, and its replies. */
  readonly replies: SessionReplies;
  #client: string | undefined;
  /** Whether the client hears of brokers that join the cluster. */
  #tellsBrokers = false;
  /** Whether the client has said that a standby will do. */
  #standsBy = false;
  #hasSaidGoodbye = false;

  /** @param firstByte The first byte from the client, already read. */
  constructor(outlet: Outlet, firstByte: number) {
    this.#outlet = outlet;
    this.#answers = new Answers(outlet);
    this.#firstByte = firstByte;
    const { hash } = outlet.context;
    this.#publishers = new SessionMembers("publisher", hash);
    this.#followers = new SessionMembers("follower", hash);
    this.#queries = new SessionQueries(this.#answers);
    this.replies = new SessionReplies(this.#answers);
  }

  get client(): string | undefined {
    return this.#client;
  }

  describe(): SpokenInfo {
    const { count: publishers } = this.#publishers;
    const { count: followers } = this.#followers;
    const names = nameFollowers(this.#followers.values());
    return { client: this.#client ?? "", protocol: "frames", publishers, followers, ...names };
  }

  get isBusy(): boolean {
    return this.#queries.isFull;
  }

  get standsBy(): boolean {
    // Who gives the lead away is told what has come of it.
    if (this.#queries.isHandingOver) return true;
    return this.#standsBy && this.#publishers.count + this.#followers.count === 0;
  }

  async run(): Promise<void> {
    const { link } = this.#outlet;
    const rest = await link.readPreface(MAGIC.length - 1);
    if (rest === undefined) return;
    checkMagic(new Uint8Array([this.#firstByte, ...rest]));
    await link.run(this);
  }

  resume(): void {
    for (const follower of this.#followers.values()) follower.resume();
  }

  silence(): number {
    let count = 0;
    for (const follower of this.#followers.values()) count += follower.silence();
    return count;
  }

  sayGoodbye(): void {
    const code = "SHUTTING_DOWN";
    const message = "the broker is being stopped";
    const outlet = this.#outlet;
    // Before the welcome a client expects a welcome or an error, and nothing else.
    if (this.#client === undefined) return void outlet.endWith(new BrokerError(code, message));
    this.#hasSaidGoodbye = true;
    writeControlFrame(outlet.link.writer, "goodbye", { code, message });
    outlet.link.flush();
  }

  tellBrokers(brokers: readonly string[]): void {
    if (!this.#tellsBrokers) return;
    writeControlFrame(this.#outlet.link.writer, "brokers", { brokers });
    this.#outlet.link.flush();
  }

  async leave(): Promise<void> {
    await this.#closeMembers((publisher) => publisher.lose());
    if (this.#client === undefined) return;
    const { number: session, user, context } = this.#outlet;
    const what = this.#hasSaidGoodbye ? "session closed" : "session lost";
    context.sessionLog.note(user.name, what, { session, client: this.#client });
  }

  handleFrame(frame: FrameDecoder): void {
    const outlet = this.#outlet;
    if (outlet.place !== undefined) outlet.freePlace();
    // An ended session does nothing more.
    if (outlet.ending !== undefined) return;
    if (this.#client === undefined) return this.#handleFirst(frame);
    const handle = handlers[frame.type];
    if (handle === undefined) {
      throw new BrokerError(
        "UNKNOWN_FRAME",
        `Cannot handle a frame of type ${describeFrameType(frame.type)}: clients do not send it`,
      );
    }
    handle(this, frame);
  }

  handleReady(): void {
    this.#answers.streams.forget();
  }

  handleProgress(frame: FrameDecoder): void {
    const bytes = frame.u64();
    frame.finish();
    this.#outlet.link.noteProgress(bytes);
  }

  openPublisher(frame: FrameDecoder): void {
    const options = readControlFrame(frame, "openPublisher");
    const refusal = this.#publishers.reserve(options.publisher);
    if (refusal !== undefined) {
      return this.#answers.report(refusal, { publisher: options.publisher });
    }
    this.#whenPrepared({ kind: "publisher", bind: options.bind }, () => {
      this.#publishers.add(options.publisher, new SessionPublisher(this.#answers, options));
      this.#logOpened("publisher", options.publisher, options.bind);
    });
  }

  openFollower(frame: FrameDecoder): void {
    const options = readControlFrame(frame, "openFollower");
    const refusal = this.#followers.reserve(options.follower);
    if (refusal !== undefined) return this.#answers.report(refusal, { follower: options.follower });
    this.#whenPrepared({ kind: "follower", bind: options.bind }, () => {
      const capped = { ...options, ...this.#capCredit(options) };
      this.#followers.add(options.follower, new SessionFollower(this.#answers, capped));
      this.#logOpened("follower", options.name, options.bind);
    }, () => this.#followers.find(options.follower)?.attach() ?? true);
  }

  publish(frame: FrameDecoder): void {
    const fields = readPublish(frame);
    const publisher = this.#publishers.find(fields.publisher);
    if (publisher !== undefined) publisher.handlePublish(fields, frame);
    else SessionPublisher.refuseLate(this.#outlet, fields, frame);
  }

  setCredit(frame: FrameDecoder): void {
    const fields = readCredit(frame);
    this.#followers.find(fields.follower)?.handleCredit(this.#capCredit(fields));
  }

  handleTags(frame: FrameDecoder, verb: TagsVerb): void {
    const fields = readTags(frame, verb === "beginBatch" ? BATCH_COUNT_MAX : undefined);
    const follower = this.#followers.find(fields.follower);
    if (follower !== undefined) follower.handleTags(fields, verb);
    else this.#refuseLate(fields);
  }

  handleVerdict(frame: FrameDecoder, verb: "nack" | "reject" | "extend"): void {
    const fields = readVerdict(frame);
    const follower = this.#followers.find(fields.follower);
    if (follower !== undefined) follower.handleVerdict(fields, verb);
    else this.#refuseLate(fields);
  }

  closePublisher(frame: FrameDecoder): void {
    const number = frame.u32();
    frame.finish();
    this.#publishers.take(number)?.close();
  }

  closeFollower(frame: FrameDecoder): void {
    const number = frame.u32();
    const lastTag = frame.u64();
    frame.finish();
    this.#followers.take(number)?.close(lastTag);
  }

  /** The client said goodbye: its publishers will not come back. */
  handleGoodbye(frame: FrameDecoder): void {
    readControlFrame(frame, "goodbye");
    this.#hasSaidGoodbye = true;
    this.#outlet.gate.hold(this.#closeMembers((publisher) => publisher.close()));
  }

  handleQuery(frame: FrameDecoder): void {
    this.#queries.handleQuery(frame)?.then(() => this.#outlet.gate.look());
  }

  /** Opens a member after matching its pattern, and attaches it to all streams, over many turns. */
  #whenPrepared(search: StreamSearch, open: () => void, goOn: () => boolean = () => true): void {
    const { engine, context: { turn } } = this.#outlet;
    const isPrepared = engine.prepare(search, SLICE_STEPS);
    if (isPrepared) open();
    if (isPrepared && goOn()) return;
    const work = async () => {
      if (!isPrepared) {
        while (!this.#outlet.isOver && !engine.prepare(search, SLICE_STEPS)) await turn.note();
        if (this.#outlet.isOver) return;
        open();
      }
      while (!this.#outlet.isOver && !goOn()) await turn.note();
    };
    this.#outlet.gate.hold(work().catch((error) => this.#outlet.endWith(error)));
  }

  #logOpened(kind: "publisher" | "follower", member: number | string, bind: BindFields): void {
    const about = {
      session: this.#outlet.number,
      [kind]: member,
      [bind.bindType]: bind.routeString,
    };
    this.#outlet.context.log.debug(`${kind} opened`, about);
  }

  /** Ends all members; other sessions are served in between if that takes long. */
  async #closeMembers(end: (publisher: SessionPublisher) => void): Promise<void> {
    const { turn } = this.#outlet.context;
    for (const follower of this.#followers.takeAll()) {
      follower.close();
      const next = turn.note();
      if (next !== undefined) await next;
    }
    this.#publishers.takeAll().forEach(end);
    this.replies.close();
  }

  /** Refuses a late frame about deliveries of a closed follower: they are no longer its own. */
  #refuseLate({ follower, query }: TagFields): void {
    if (query === 0) return;
    const why = `Cannot find deliveries of follower ${follower}: it is closed`;
    this.#answers.report(new BrokerError("STALE_DELIVERY", why), { follower, query });
  }

  /** The credit within the broker's limits. */
  #capCredit({ messages, bytes, slots }: Credit): Credit {
    const { unacknowledgedMessages, unacknowledgedBytes } = this.#outlet.context.limits;
    return {
      messages: Math.min(messages, unacknowledgedMessages),
      bytes: Math.min(bytes, unacknowledgedBytes),
      slots: slots && Math.min(slots, unacknowledgedMessages),
    };
  }

  /** The first frame: a `hello`, or a `ping` of somebody who needs no session. */
  #handleFirst(frame: FrameDecoder): void {
    if (frame.type !== FrameType.ping) return this.#handleHello(frame);
    frame.finish();
    const { link, context: { version, management } } = this.#outlet;
    writeControlFrame(link.writer, "pong", { version, problems: management.findProblems() });
    this.#outlet.login.notePing();
    this.#outlet.endWell();
  }

  /** Opens the session; at a standby only for a client that wants nothing else. */
  #handleHello(frame: FrameDecoder): void {
    const hello = readHello(frame);
    const { context: { seat, limits }, gate } = this.#outlet;
    if (seat === undefined || seat.isServing || hello.standby === true) this.#welcome(hello);
    else if (seat.isSettled) throw seat.refuse("Cannot open a session");
    else {
      const welcomed = seat.whenDecided().then(() => {
        if (!this.#outlet.isOver) this.#welcome(hello);
      });
      gate.hold(welcomed.catch((error) => this.#outlet.endWith(error)));
    }
    frame.raiseLimit(limits.frameBytes);
  }

  #welcome({ client, capabilities, token, standby = false }: Hello): void {
    const outlet = this.#outlet;
    const { number: session, context, link, peer } = outlet;
    outlet.logIn({ token });
    this.#client = client;
    this.#standsBy = standby;
    const welcome = makeWelcome(outlet, capabilities);
    this.#answers.tellsTimes = welcome.capabilities.includes(STORED_AT);
    this.#answers.knowsWork = welcome.capabilities.includes(WORK);
    this.#tellsBrokers = welcome.capabilities.includes(BROKERS);
    writeControlFrame(link.writer, "welcome", welcome);
    link.flush();
    outlet.noteReady();
    const about = { session, client, peer, ...outlet.login.describe() };
    context.sessionLog.note(outlet.user.name, "session opened", about);
  }
}

/** The handlers of a client's frames. */
const handlers: Record<number, (session: Session, frame: FrameDecoder) => void> = {
  [FrameType.heartbeat]: (_session, frame) => frame.finish(),
  [FrameType.progress]: (session, frame) => session.handleProgress(frame),
  [FrameType.goodbye]: (session, frame) => session.handleGoodbye(frame),
  [FrameType.query]: (session, frame) => session.handleQuery(frame),
  [FrameType.openPublisher]: (session, frame) => session.openPublisher(frame),
  [FrameType.closePublisher]: (session, frame) => session.closePublisher(frame),
  [FrameType.publish]: (session, frame) => session.publish(frame),
  [FrameType.openFollower]: (session, frame) => session.openFollower(frame),
  [FrameType.closeFollower]: (session, frame) => session.closeFollower(frame),
  [FrameType.credit]: (session, frame) => session.setCredit(frame),
  [FrameType.ack]: (session, frame) => session.handleTags(frame, "ack"),
  [FrameType.release]: (session, frame) => session.handleTags(frame, "release"),
  [FrameType.begin]: (session, frame) => session.handleTags(frame, "begin"),
  [FrameType.beginBatch]: (session, frame) => session.handleTags(frame, "beginBatch"),
  [FrameType.nack]: (session, frame) => session.handleVerdict(frame, "nack"),
  [FrameType.reject]: (session, frame) => session.handleVerdict(frame, "reject"),
  [FrameType.extend]: (session, frame) => session.handleVerdict(frame, "extend"),
  [FrameType.openReplies]: (session, frame) => session.replies.open(frame),
  [FrameType.reply]: (session, frame) => session.replies.handleReply(frame),
};
