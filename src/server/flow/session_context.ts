/**
 * What all sessions of a broker share, whatever they speak.
 *
 * @module
 */

import type { SessionLimits } from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";
import type { Heartbeat, HeartbeatLimits } from "../../transport/heartbeat.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { Log } from "../log.ts";
import type { ReceivingRoom } from "./receiving_room.ts";
import type { WaitingReplies } from "./waiting_replies.ts";
import type { WorkTurn } from "./work_turn.ts";

/** What all sessions of a broker share. */
export interface SessionContext {
  /** What holds the streams. */
  readonly engine: Engine;
  /** Where sessions say what happens. */
  readonly log: Log;
  /** The version of the broker. */
  readonly version: string;
  /** The limits that the handshake tells. */
  readonly limits: SessionLimits;
  /** How long silence may last. */
  readonly heartbeatLimits: HeartbeatLimits;
  /** After how long clients say that a handler has a message, in milliseconds. */
  readonly beginMs: number;
  /** How long the handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** How many bytes may wait for a client before deliveries to it stop. */
  readonly outboundBytesMax: number;
  /** Whether a connection may speak the JSON lines of the original SimpleMQ. */
  readonly jsonLines: boolean;
  /** How many unconfirmed bytes there may be. */
  readonly budget: ByteBudget;
  /** Where large frames have their place until all of them has come. */
  readonly receivingRoom: ReceivingRoom;
  /** Where large lines have it. */
  readonly lineRoom: ReceivingRoom;
  /** What waits of replies for slow clients. */
  readonly waitingReplies: WaitingReplies;
  /** How much is done in one turn of the event loop. */
  readonly turn: WorkTurn;
  /** Looks after the links. */
  readonly heartbeat: Heartbeat;
  /** Tells the time, in milliseconds. */
  readonly now: () => number;
}
