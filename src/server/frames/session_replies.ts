import {
  BrokerError,
  type FrameDecoder,
  type MessageBatch,
  readBatch,
  readControlFrame,
  type ReplyFields,
} from "../../../protocol.ts";
import { checkReplies, readReply, writeReplies } from "../../protocol/frames/reply_frame.ts";
import { checkBatch } from "../../protocol/messages/batch.ts";
import type { EngineReplyStream, ReplySink } from "../../broker/engine.ts";
import type { Answers } from "./answers.ts";

/**
 * The requests and replies of a session: the stream of the replies to its own requests, and its
 * replies to the requests of others.
 */
export class SessionReplies implements ReplySink {
  readonly #answers: Answers;
  /** The stream of replies to this session's requests; undefined before the first one. */
  #stream: EngineReplyStream | undefined;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  open(frame: FrameDecoder): void {
    const { stream } = readControlFrame(frame, "openReplies");
    if (this.#stream !== undefined) {
      throw new BrokerError("BAD_FRAME", "Cannot open a stream for replies: the session has one");
    }
    try {
      const { engine, user: { owner } } = this.#answers.outlet;
      this.#stream = engine.openReplyStream(stream, this, owner);
    } catch (error) {
      this.#answers.fail(error, {});
    }
  }

  handleReply(frame: FrameDecoder): void {
    const fields = readReply(frame);
    const batch = readBatch(frame);
    try {
      this.#pass(fields, batch);
    } catch (error) {
      const isGone = error instanceof BrokerError && error.code === "STREAM_NOT_FOUND";
      // The replier did not ask whether the requester is still there.
      if (isGone && fields.query === 0) return;
      this.#answers.fail(error, fields.query === 0 ? {} : { query: fields.query });
    }
  }

  deliver(batch: MessageBatch): void {
    const { outlet } = this.#answers;
    if (outlet.isOver) return;
    const bytes = batch.end - batch.start;
    outlet.noteAnswer(bytes);
    if (outlet.isOver) return;
    writeReplies(outlet.link.writer, batch);
    outlet.gate.notePushed(bytes);
    outlet.link.flush();
  }

  /** Closes the stream of replies. */
  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  #pass({ stream, query }: ReplyFields, batch: MessageBatch): void {
    const { engine, context: { limits } } = this.#answers.outlet;
    checkBatch(batch, limits.bodyBytes);
    checkReplies(batch, stream);
    engine.reply(stream, batch);
    if (query !== 0) this.#answers.respond(query, null);
  }
}
