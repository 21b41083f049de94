import { FRAME_BYTES_RESERVE, type SessionLimits } from "../../../protocol.ts";
import { BATCH_COUNT_MAX, HEADER_BYTES_MAX } from "../../protocol/limits.ts";
import type { KeyedHash } from "../../broker/collections/keyed_hash.ts";
import type { Engine } from "../../broker/engine.ts";
import { Heartbeat, type HeartbeatLimits } from "../../transport/heartbeat.ts";
import type { Access } from "../access/access.ts";
import type { LoginGuard } from "../access/login_guard.ts";
import type { SeatWatch } from "../cluster/seat_watch.ts";
import type { Log } from "../log.ts";
import type { ConnectionNumbers, Management } from "../management/management.ts";
import type { Settings } from "../settings/settings.ts";
import { ByteBudget } from "./byte_budget.ts";
import { InputMemory } from "./input_memory.ts";
import { OutboundShare } from "./outbound_share.ts";
import { ReceivingRoom } from "./receiving_room.ts";
import { SessionCounters } from "./session_counters.ts";
import { SessionLog } from "./session_log.ts";
import { WaitingReplies } from "./waiting_replies.ts";
import { WorkTurn } from "./work_turn.ts";

/** The parts of a broker that its sessions share, in every protocol. */
export interface SessionContext {
  /** The bare engine; a session uses the one of its login, `Outlet.engine`. */
  readonly engine: Engine;
  readonly access: Access;
  readonly loginGuard: LoginGuard;
  readonly log: Log;
  readonly management: Management;
  /** The broker's place in its cluster, if it is in one. */
  readonly seat: SeatWatch | undefined;
  readonly connectionNumbers: ConnectionNumbers;
  readonly version: string;
  /** The limits that the handshake announces. */
  readonly limits: SessionLimits;
  readonly heartbeatLimits: HeartbeatLimits;
  /** The time after which clients report that a handler has a message, in milliseconds. */
  readonly beginMs: number;
  readonly handshakeTimeoutMs: number;
  /** How many bytes may wait for a client before deliveries to it stop. */
  readonly outbound: OutboundShare;
  /** Whether a connection may speak the JSON lines of the original SimpleMQ. */
  readonly jsonLines: boolean;
  readonly budget: ByteBudget;
  /** What sessions have done since the start. */
  readonly counters: SessionCounters;
  readonly sessionLog: SessionLog;
  /** The memory for received bytes. */
  readonly inputMemory: InputMemory;
  /** The room for incomplete large frames. */
  readonly receivingRoom: ReceivingRoom;
  /** The room for incomplete large lines. */
  readonly lineRoom: ReceivingRoom;
  /** The replies that wait for slow clients. */
  readonly waitingReplies: WaitingReplies;
  /** The measure of work in one turn of the event loop. */
  readonly turn: WorkTurn;
  readonly heartbeat: Heartbeat;
  /** The hash of texts and numbers that clients choose. */
  readonly hash: KeyedHash;
  readonly now: () => number;
}

/** The most bytes of replies that wait for slow clients. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;

export function makeSessionContext(
  settings: Settings,
  parts: Pick<
    SessionContext,
    | "version"
    | "engine"
    | "access"
    | "loginGuard"
    | "log"
    | "management"
    | "seat"
    | "connectionNumbers"
    | "beginMs"
    | "now"
    | "hash"
  >,
): SessionContext {
  const { limits, heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs } = settings;
  const budget = new ByteBudget(limits.unconfirmedBytes);
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
    outbound: new OutboundShare(limits.outboundBytes),
    jsonLines: settings.jsonLines,
    budget,
    counters: new SessionCounters(budget),
    sessionLog: new SessionLog(parts.log, parts.now),
    inputMemory: new InputMemory(limits.unconfirmedBytes / 2),
    receivingRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    lineRoom: new ReceivingRoom(limits.unconfirmedBytes / 2),
    turn: new WorkTurn(() => parts.engine.steps),
    waitingReplies: new WaitingReplies(REPLY_BYTES_MAX),
    heartbeat: new Heartbeat(),
  };
}
