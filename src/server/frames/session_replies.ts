/**
 * The requests and replies of a session: the stream that replies to its own requests come to, and what
 * it replies to the requests of others.
 *
 * @module
 */

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
import type { SessionHost } from "./answers.ts";
import type { ReplyWaiter } from "../flow/waiting_replies.ts";

/** The requests and replies of one session. */
export class SessionReplies implements ReplySink, ReplyWaiter {
  readonly #session: SessionHost;
  /** Where replies to this session's requests come from, since it has made one. */
  #stream: EngineReplyStream | undefined;

  constructor(session: SessionHost) {
    this.#session = session;
  }

  /** Handles an `openReplies` frame. */
  open(frame: FrameDecoder): void {
    const { stream } = readControlFrame(frame, "openReplies");
    if (this.#stream !== undefined) {
      throw new BrokerError("BAD_FRAME", "Cannot open a stream for replies: the session has one");
    }
    try {
      this.#stream = this.#session.engine.openReplyStream(stream, this);
    } catch (error) {
      this.#session.fail(error, {});
    }
  }

  /** Handles a `reply` frame. */
  handleReply(frame: FrameDecoder): void {
    const fields = readReply(frame);
    const batch = readBatch(frame);
    try {
      this.#pass(fields, batch);
    } catch (error) {
      const isGone = error instanceof BrokerError && error.code === "STREAM_NOT_FOUND";
      // Nobody has asked whether the requester is still there.
      if (isGone && fields.query === 0) return;
      this.#session.fail(error, fields.query === 0 ? {} : { query: fields.query });
    }
  }

  get outboundBytes(): number {
    return this.#session.link.outboundBytes;
  }

  deliver(batch: MessageBatch): void {
    const session = this.#session;
    if (session.isOver) return;
    const bytes = batch.end - batch.start;
    session.waitingReplies.add(this, bytes);
    if (session.isOver) return;
    writeReplies(session.link.writer, batch);
    session.notePushed(bytes);
    session.link.flush();
  }

  endAsSlow(): void {
    // What cannot be kept must not be dropped in silence: with the session its requests fail.
    this.#session.endWith(
      new BrokerError(
        "SLOW_READER",
        `the client does not read its replies: ${this.outboundBytes} bytes wait for it`,
      ),
    );
  }

  /** Nobody waits for replies any more. */
  close(): void {
    this.#session.waitingReplies.remove(this);
    this.#stream?.close();
    this.#stream = undefined;
  }

  #pass({ stream, query }: ReplyFields, batch: MessageBatch): void {
    const session = this.#session;
    checkBatch(batch, session.bodyBytesMax);
    checkReplies(batch, stream);
    session.engine.reply(stream, batch);
    if (query !== 0) session.respond(query, null);
  }
}
