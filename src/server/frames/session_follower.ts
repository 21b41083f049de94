import {
  BrokerError,
  FrameType,
  type OpenFollower,
  type TagFields,
  type TagRange,
  type VerdictFields,
  writeControlFrame,
  writeVerdict,
} from "../../../protocol.ts";
import { toPlainBatch } from "../../protocol/messages/plain_batch.ts";
import type { StreamNews } from "../../protocol/frames/control_frame.ts";
import { writeDeliver } from "../../protocol/frames/message_frame.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../broker/engine.ts";
import type { Answers } from "./answers.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";

/** How much a follower may hold. */
export interface Credit {
  readonly messages: number;
  readonly bytes: number;
  readonly slots?: number | undefined;
}

/** What a follower says of deliveries without a reason. */
export type TagsVerb = "ack" | "release" | "begin" | "beginBatch";

/** A follower of a session: deliveries of the engine out as frames, credit and acknowledgements in. */
export class SessionFollower implements FollowerSink {
  readonly name: string;
  readonly #answers: Answers;
  readonly #number: number;
  /** The engine's follower; undefined if its bind was refused. */
  readonly #follower: EngineFollower | undefined;

  constructor(answers: Answers, options: OpenFollower) {
    this.name = options.name;
    this.#answers = answers;
    this.#number = options.follower;
    try {
      const gradual = { ...options, reportsBegin: true, attachMax: SLICE_STEPS };
      this.#follower = answers.outlet.engine.openFollower(gradual, this);
      const { missing } = this.#follower;
      if (missing !== undefined) this.#tellOf(missing, "streamMissing");
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      answers.report(error, { follower: options.follower });
    }
  }

  /** Attaches it to more of its streams; returns whether that was all. */
  attach(): boolean {
    return this.#follower?.attach(SLICE_STEPS) ?? true;
  }

  handleCredit({ messages, bytes, slots }: Credit): void {
    this.#follower?.setCredit(messages, bytes, slots);
  }

  get isFull(): boolean {
    return this.#answers.outlet.isFull;
  }

  get isUnread(): boolean {
    return this.#answers.outlet.link.isHeldBack;
  }

  deliver(delivery: Delivery): void {
    const { outlet, streams, tellsTimes, knowsWork } = this.#answers;
    const { firstTag, firstId, attempts, isDoubtful, isSuspect, storedAt } = delivery;
    const batch = knowsWork ? delivery.batch : toPlainBatch(delivery.batch);
    writeDeliver(outlet.link.writer, {
      follower: this.#number,
      stream: streams.numberOf(delivery.stream),
      firstTag,
      firstId,
      attempts,
      isDoubtful,
      ...isSuspect && knowsWork && { isSuspect },
      storedAt: tellsTimes ? storedAt : undefined,
    }, batch);
    outlet.gate.notePushed(batch.end - batch.start);
    outlet.link.flush();
  }

  resume(): void {
    this.#follower?.resume();
  }

  /** Takes back its deliveries, since the client is silent; returns how many it may still acknowledge. */
  silence(): number {
    return this.#follower?.silence() ?? 0;
  }

  /** Ends it: its messages are ready again. Without `lastTag`, it is lost. */
  close(lastTag?: number): void {
    this.#follower?.close(lastTag);
  }

  revoke(ranges: readonly TagRange[], reason: string, isCancelled?: boolean): void {
    const { outlet, knowsWork } = this.#answers;
    if (outlet.isOver) return;
    const mark = isCancelled && knowsWork ? { isCancelled } : {};
    const fields = { follower: this.#number, query: 0, ranges, reason, ...mark };
    writeVerdict(outlet.link.writer, FrameType.revoke, fields);
    outlet.link.flush();
  }

  end(error: BrokerError): void {
    if (!this.#answers.outlet.isOver) this.#answers.report(error, { follower: this.#number });
  }

  noteDeleted(stream: string): void {
    this.#tellOf(stream, "streamDeleted");
  }

  noteBreaker(stream: string, isOpen: boolean): void {
    if (this.#answers.knowsWork) this.#tellOf(stream, isOpen ? "streamOpen" : "streamResumed");
  }

  #tellOf(stream: string, what: StreamNews): void {
    const { outlet } = this.#answers;
    if (outlet.isOver) return;
    writeControlFrame(outlet.link.writer, what, { follower: this.#number, stream });
    outlet.link.flush();
  }

  handleTags(fields: TagFields, verb: TagsVerb): void {
    this.#do(fields, (follower, isConfirmed) => follower[verb](fields.ranges, isConfirmed));
  }

  handleVerdict(fields: VerdictFields, verb: "nack" | "reject" | "extend"): void {
    const { ranges, ms: delayMs, reason, isFault, isPostponed, holdsLane, isTogether } = fields;
    this.#do(fields, (follower, isConfirmed) => {
      if (verb === "nack") {
        const details = { delayMs, reason, isFault, isPostponed, holdsLane, isTogether };
        return follower.nack(ranges, details, isConfirmed);
      }
      if (verb === "reject") return follower.reject(ranges, reason, isConfirmed);
      return follower.extend(ranges, delayMs ?? 0);
    });
  }

  /** Carries out a command on deliveries, and answers if the client asked for it. */
  #do(
    { query, follower }: TagFields,
    act: (follower: EngineFollower, isConfirmed: boolean) => Promise<void> | void,
  ): void {
    const answers = this.#answers;
    const about = query === 0 ? { follower } : { follower, query };
    const answer = () => query !== 0 && answers.respond(query, null);
    try {
      const durable = act(this.#requireOpen(), query !== 0);
      if (durable === undefined) answer();
      else {
        durable.then(answer, (error) => answers.fail(error, about))
          .catch((error) => answers.outlet.endWith(error));
      }
    } catch (error) {
      answers.fail(error, about);
    }
  }

  #requireOpen(): EngineFollower {
    if (this.#follower !== undefined) return this.#follower;
    throw new BrokerError(
      "UNKNOWN_DELIVERY",
      `Cannot find deliveries of follower ${this.#number}: it could not be opened`,
    );
  }
}
