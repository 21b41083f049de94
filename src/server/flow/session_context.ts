import { FRAME_BYTES_RESERVE, type SessionLimits } from "../../../protocol.ts";
import { BATCH_COUNT_MAX, HEADER_BYTES_MAX } from "../../protocol/limits.ts";
import type { Engine } from "../../broker/engine.ts";
import { Heartbeat, type HeartbeatLimits } from "../../transport/heartbeat.ts";
import type { Log } from "../log.ts";
import type { Settings } from "../settings/settings.ts";
import { ByteBudget } from "./byte_budget.ts";
import { ReceivingRoom } from "./receiving_room.ts";
import { WaitingReplies } from "./waiting_replies.ts";
import { WorkTurn } from "./work_turn.ts";

/** What all sessions of a broker share, whatever they speak. */
export interface SessionContext {
  readonly engine: Engine;
  readonly log: Log;
  readonly version: string;
  /** The limits that the handshake tells. */
  readonly limits: SessionLimits;
  readonly heartbeatLimits: HeartbeatLimits;
  /** After how long clients say that a handler has a message, in milliseconds. */
  readonly beginMs: number;
  readonly handshakeTimeoutMs: number;
  /** How many bytes may wait for a client before deliveries to it stop. */
  readonly outboundBytesMax: number;
  /** Whether a connection may speak the JSON lines of the original SimpleMQ. */
  readonly jsonLines: boolean;
  readonly budget: ByteBudget;
  /** Where large frames have their place until all of them has come. */
  readonly receivingRoom: ReceivingRoom;
  /** Where large lines have it. */
  readonly lineRoom: ReceivingRoom;
  /** What waits of replies for slow clients. */
  readonly waitingReplies: WaitingReplies;
  /** How much is done in one turn of the event loop. */
  readonly turn: WorkTurn;
  readonly heartbeat: Heartbeat;
  readonly now: () => number;
}

/** So many bytes of replies wait for clients that are slow to take them. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;

export function makeSessionContext(
  settings: Settings,
  parts: Pick<SessionContext, "version" | "engine" | "log" | "beginMs" | "now">,
): SessionContext {
  const { limits, heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs } = settings;
  return {
    ...parts,
    limits: {
      bodyBytes: limits.messageBytes,
      headerBytes: HEADER_BYTES_MAX,
      frameBytes: limits.messageBytes + FRAME_BYTES_RESERVE,
      batchCount: BATCH_COUNT_MAX,
      unacknowledgedMessages: limits.unacknowledgedMessages,
      unacknowledgedBytes: limits.unacknowledgedBytes,
    },
    heartbeatLimits: { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs },
    handshakeTimeoutMs: settings.handshakeTimeoutMs,
    outboundBytesMax: limits.outboundBytes,
    jsonLines: settings.jsonLines,
    budget: new ByteBudget(limits.unconfirmedBytes),
    receivingRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    lineRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    turn: new WorkTurn(() => parts.engine.steps),
    waitingReplies: new WaitingReplies(REPLY_BYTES_MAX),
    heartbeat: new Heartbeat(),
  };
}
