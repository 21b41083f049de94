import {
  BrokerError,
  type ErrorReport,
  type FrameDecoder,
  FrameType,
  readConfirm,
  readControlFrame,
  readDeliver,
  readMessages,
  readResponse,
  readStream,
  readStreamsForgotten,
  readVerdict,
} from "../../../protocol.ts";
import { readBackupPiece } from "../../protocol/answers/backup_frame.ts";
import type { StreamNews } from "../../protocol/frames/control_frame.ts";
import { describeFrameType } from "../../protocol/frames/frame_type.ts";
import type { MemberTable } from "./member.ts";
import type { PendingQueries } from "./pending_queries.ts";
import type { StatusBoard } from "./status.ts";

export interface FrameReceivers {
  readonly members: MemberTable;
  readonly queries: Pick<PendingQueries, "answer" | "fail">;
  readonly requests: { handleReplies(frame: FrameDecoder): void };
  readonly board: Pick<StatusBoard, "post">;
}

/** Hands the frames of one session to their members, queries and requests. */
export class IncomingFrames {
  readonly #receivers: FrameReceivers;
  /** The names of streams, by the broker's numbers in this session. */
  readonly #streams = new Map<number, string>();

  constructor(receivers: FrameReceivers) {
    this.#receivers = receivers;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  /** The name of a stream that the broker has numbered. */
  streamName(number: number): string {
    const name = this.#streams.get(number);
    if (name === undefined) {
      throw new BrokerError("BAD_FRAME", `Cannot read a frame: stream ${number} has no name`);
    }
    return name;
  }

  handle(frame: FrameDecoder): void {
    const { members, queries, requests } = this.#receivers;
    switch (frame.type) {
      case FrameType.confirm:
        return this.#handleConfirm(frame);
      case FrameType.deliver: {
        const fields = readDeliver(frame);
        const stream = this.streamName(fields.stream);
        return members.followers.get(fields.follower)?.handleDelivery(fields, stream, frame);
      }
      case FrameType.refuse: {
        const fields = readControlFrame(frame, "refuse");
        return members.publishers.get(fields.publisher)?.handleRefusal(fields);
      }
      case FrameType.revoke: {
        const fields = readVerdict(frame);
        return members.followers.get(fields.follower)?.handleRevocation(fields);
      }
      case FrameType.response: {
        const { query, result } = readResponse(frame);
        return queries.answer(query, result);
      }
      case FrameType.messages: {
        const { query, messages } = readMessages(frame);
        return queries.answer(query, messages);
      }
      case FrameType.backupPiece: {
        const { query, bytes } = readBackupPiece(frame);
        return queries.answer(query, bytes);
      }
      case FrameType.replies:
        return requests.handleReplies(frame);
      case FrameType.error:
        return this.#handleError(readControlFrame(frame, "error"));
      default:
        return this.#handleStreams(frame);
    }
  }

  /** Handles the frames about the numbers, the end or the absence of streams. */
  #handleStreams(frame: FrameDecoder): void {
    switch (frame.type) {
      case FrameType.stream: {
        const { stream, name } = readStream(frame);
        this.#streams.set(stream, name);
        return;
      }
      case FrameType.streamsForgotten:
        for (const stream of readStreamsForgotten(frame)) this.#streams.delete(stream);
        return;
      case FrameType.streamDeleted:
        return this.#handleNews("streamDeleted", frame);
      case FrameType.streamMissing:
        return this.#handleNews("streamMissing", frame);
      case FrameType.streamOpen:
        return this.#handleNews("streamOpen", frame);
      case FrameType.streamResumed:
        return this.#handleNews("streamResumed", frame);
      default:
        throw new BrokerError(
          "UNKNOWN_FRAME",
          `Cannot handle a frame of type ${describeFrameType(frame.type)}: brokers do not send it`,
        );
    }
  }

  #handleConfirm(frame: FrameDecoder): void {
    const { publisher, sequence, stored, hasSameId } = readConfirm(frame);
    const storedIn = stored.map((range) => ({ ...range, stream: this.streamName(range.stream) }));
    const member = this.#receivers.members.publishers.get(publisher);
    member?.handleConfirm(sequence, { storedIn, isDuplicate: hasSameId });
  }

  #handleNews(type: StreamNews, frame: FrameDecoder): void {
    const { follower, stream } = readControlFrame(frame, type);
    const { members, board } = this.#receivers;
    const member = members.followers.get(follower);
    if (member !== undefined) board.post({ type, stream, follower: member.name });
  }

  #handleError({ code, message, details = {}, query, publisher, follower }: ErrorReport): void {
    const { members, queries } = this.#receivers;
    const error = new BrokerError(code, message, { details });
    if (error.fatal) throw error;
    if (query !== undefined) queries.fail(query, error);
    else if (publisher !== undefined) members.publishers.get(publisher)?.end(error);
    else if (follower !== undefined && !isAboutDelivery(error)) {
      members.followers.get(follower)?.end(error);
    }
  }
}

/**
 * Whether an error is about an acknowledgement without `confirm`. It is ignored: the delivery was no
 * longer this follower's, because its stream was deleted, for example.
 */
function isAboutDelivery({ code }: BrokerError): boolean {
  return code === "STALE_DELIVERY" || code === "UNKNOWN_DELIVERY";
}
