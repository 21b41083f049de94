/**
 * The sessions of a broker without its port, its timer and its clock: a test owns all three.
 *
 * @module
 */

import { FRAME_BYTES_RESERVE } from "../../../protocol.ts";
import {
  BATCH_COUNT_MAX,
  BODY_BYTES_DEFAULT,
  HEADER_BYTES_MAX,
} from "../../../src/protocol/limits.ts";
import { KeyedHash } from "../../../src/broker/collections/keyed_hash.ts";
import type { Engine } from "../../../src/broker/engine.ts";
import { createMemoryEngine } from "../../../src/engine/memory.ts";
import { Access } from "../../../src/server/access/access.ts";
import { LoginGuard } from "../../../src/server/access/login_guard.ts";
import { UserTable } from "../../../src/server/access/users/user_table.ts";
import { parseUsers } from "../../../src/server/access/users/users_file.ts";
import type { SeatWatch } from "../../../src/server/cluster/seat_watch.ts";
import { ByteBudget } from "../../../src/server/flow/byte_budget.ts";
import { Log, type LogLevel } from "../../../src/server/log.ts";
import { SessionCounters } from "../../../src/server/flow/session_counters.ts";
import { BrokerManagement } from "../../../src/server/management/broker_management.ts";
import { ConnectionNumbers } from "../../../src/server/management/management.ts";
import { SessionLog } from "../../../src/server/flow/session_log.ts";
import { InputMemory } from "../../../src/server/flow/input_memory.ts";
import { OutboundShare } from "../../../src/server/flow/outbound_share.ts";
import { ReceivingRoom } from "../../../src/server/flow/receiving_room.ts";
import type { Caller } from "../../../src/server/flow/speaker.ts";
import type { SessionContext } from "../../../src/server/flow/session_context.ts";
import { SessionTable } from "../../../src/server/front_door/session_table.ts";
import { WaitingReplies } from "../../../src/server/flow/waiting_replies.ts";
import { WorkTurn } from "../../../src/server/flow/work_turn.ts";
import { createPipe, type Duplex } from "../../../src/transport/duplex.ts";
import { Heartbeat } from "../../../src/transport/heartbeat.ts";
import { RawClient } from "./raw_client.ts";

/** What may differ from a broker with default settings. */
export interface SessionsOptions {
  readonly engine?: Engine;
  /** Who may use the engine; everybody may do everything by default. */
  readonly access?: Pick<Access, "login">;
  readonly connectionsMax?: number;
  readonly unconfirmedBytesMax?: number;
  readonly outboundBytesMax?: number;
  readonly replyBytesMax?: number;
  readonly handshakeTimeoutMs?: number;
  readonly shutdownTimeoutMs?: number;
  readonly logLevel?: LogLevel;
  readonly jsonLines?: boolean;
  /** The place of the broker in a cluster. */
  readonly seat?: SeatWatch;
  /** A file of users. */
  readonly users?: string;
}

/** How long silence may last here, in milliseconds of the test's clock. */
export const HEARTBEAT = {
  heartbeatMs: 1000,
  heartbeatTimeoutMs: 3000,
  slowReaderTimeoutMs: 2000,
} as const;

/** Sessions around an engine. */
export class Sessions implements AsyncDisposable {
  /** The engine. */
  readonly engine: Engine;
  /** All sessions. */
  readonly table: SessionTable;
  /** Who may open them. */
  readonly access: Access;
  /** What an operator asks. */
  readonly management: BrokerManagement;
  /** What holds failed logins back. */
  readonly loginGuard: LoginGuard;
  /** How many bytes are unconfirmed. */
  readonly budget: ByteBudget;
  readonly counters: SessionCounters;
  /** The memory for received bytes. */
  readonly input: InputMemory;
  /** Where large frames are until all of them has come. */
  readonly room: ReceivingRoom;
  /** Where large lines are. */
  readonly lineRoom: ReceivingRoom;
  /** How much is done in one turn of the event loop. */
  readonly turn: WorkTurn;
  /** What waits of replies. */
  readonly replies: WaitingReplies;
  /** What was logged, line by line. */
  readonly lines: string[] = [];
  readonly #heartbeat = new Heartbeat();
  readonly #sessionLog: SessionLog;
  readonly #shutdownTimeoutMs: number;
  #now = 1_000_000;

  constructor(options: SessionsOptions = {}) {
    const now = () => this.#now;
    this.engine = options.engine ?? createMemoryEngine({ memoryLimit: 256 * 1024 * 1024, now });
    const { unconfirmedBytesMax = 64 * 1024 * 1024 } = options;
    this.budget = new ByteBudget(unconfirmedBytesMax);
    this.counters = new SessionCounters(this.budget);
    this.input = new InputMemory(unconfirmedBytesMax / 2);
    this.room = new ReceivingRoom(unconfirmedBytesMax / 2);
    this.lineRoom = new ReceivingRoom(unconfirmedBytesMax / 2);
    this.turn = new WorkTurn(() => this.engine.steps);
    this.replies = new WaitingReplies(options.replyBytesMax ?? 64 * 1024 * 1024);
    this.#shutdownTimeoutMs = options.shutdownTimeoutMs ?? 0;
    const { logLevel: level = "debug", users } = options;
    const log = new Log({ level, write: (line) => this.lines.push(line) });
    this.#sessionLog = new SessionLog(log, now);
    this.access = new Access({
      engine: this.engine,
      users: users === undefined ? undefined : new UserTable(parseUsers(users, "users.yaml")),
      log,
      now,
      dateNow: now,
    });
    this.loginGuard = new LoginGuard({ log, random: () => 0.5 });
    this.management = new BrokerManagement({
      version: "0.0.0",
      engine: this.engine,
      log,
      hasUsers: users !== undefined,
    });
    const context: SessionContext = {
      engine: this.engine,
      // Sessions only log in, and are refused.
      access: options.access === undefined
        ? this.access
        : { audit: this.access.audit, ...options.access } as Access,
      loginGuard: this.loginGuard,
      log,
      management: this.management,
      seat: options.seat,
      connectionNumbers: new ConnectionNumbers(),
      sessionLog: this.#sessionLog,
      version: "0.0.0",
      limits: {
        bodyBytes: BODY_BYTES_DEFAULT,
        headerBytes: HEADER_BYTES_MAX,
        frameBytes: BODY_BYTES_DEFAULT + FRAME_BYTES_RESERVE,
        batchCount: BATCH_COUNT_MAX,
        unacknowledgedMessages: BATCH_COUNT_MAX,
        unacknowledgedBytes: 16 * 1024 * 1024,
      },
      heartbeatLimits: HEARTBEAT,
      beginMs: 100,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? 5000,
      outbound: new OutboundShare(options.outboundBytesMax ?? 1024 * 1024),
      jsonLines: options.jsonLines ?? true,
      budget: this.budget,
      counters: this.counters,
      inputMemory: this.input,
      receivingRoom: this.room,
      lineRoom: this.lineRoom,
      waitingReplies: this.replies,
      turn: this.turn,
      heartbeat: this.#heartbeat,
      hash: new KeyedHash(),
      now,
    };
    this.table = new SessionTable(context, options.connectionsMax ?? 1000);
    this.management.addConnections(this.table);
    this.management.noteListening("test");
  }

  /** Opens a session over a pipe, and says nothing. */
  connect(caller?: Partial<Caller>): RawClient {
    const [here, there] = createPipe();
    this.take(there, caller);
    return new RawClient(here);
  }

  /** Opens a session over a pipe, up to its `welcome`. */
  async open(client?: string): Promise<RawClient> {
    const raw = this.connect();
    await raw.shakeHands(client);
    return raw;
  }

  /** Opens a session on a connection. */
  take(duplex: Duplex, caller: Partial<Caller> = {}): void {
    this.table.open({ duplex, peer: "test", ...caller });
  }

  /** Lets time pass, and has all links looked after. */
  passTime(ms: number): void {
    this.#now += ms;
    this.#heartbeat.sweep(this.#now);
    this.#sessionLog.sweep(this.#now);
    this.input.sweep(this.#now);
    this.table.sweep();
    this.room.sweep(this.#now);
    this.lineRoom.sweep(this.#now);
    this.loginGuard.tick(this.#now);
    this.access.tick(this.#now);
    this.engine.tick(this.#now);
  }

  /** The lines that tell of a fault in the broker. */
  get faults(): string[] {
    return this.lines.filter((line) => line.split(" ")[1] === "error");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.table.close(this.#shutdownTimeoutMs);
    await this.engine.close();
  }
}
