import { deadline } from "@std/async/deadline";
import { BrokerError } from "../../../protocol.ts";
import { FIRST_BYTE_OF_TLS } from "../../transport/tls_wire.ts";
import { Outlet } from "../flow/outlet.ts";
import type { Caller, Speaker } from "../flow/speaker.ts";
import type { ConnectionProtocol } from "../flow/session_counters.ts";
import type { SessionContext } from "../flow/session_context.ts";
import { Session } from "../frames/session.ts";
import type { ConnectionSource } from "../management/management.ts";
import { FIRST_BYTE_OF_LINES, LineSession } from "../json_lines/line_session.ts";
import { Tally } from "./tally.ts";
import { TurnedAway } from "./turned_away.ts";

/** How long a connection without a session is kept although others have no room, in milliseconds. */
const STRANGER_MS_MIN = 500;

/** How many clients are sent to another broker in one turn of the event loop. */
const AWAY_PER_TURN = 64;

/** All sessions of a broker: limits their number, chooses their protocol, and ends them together. */
export class SessionTable implements ConnectionSource {
  readonly #context: SessionContext;
  readonly #connectionsMax: number;
  readonly #countOthers: () => number;
  readonly #sessions = new Map<Outlet, Promise<void>>();
  /** Connections without a session, and since when; those that have one by now may be among them. */
  readonly #strangers = new Map<Outlet, number>();
  readonly #turnedAway: TurnedAway;
  /** Counts connections without a session that were closed for new ones. */
  readonly #gaveWay: Tally;

  /** @param countOthers How many connections there are beside those with a session: of HTTP. */
  constructor(
    context: SessionContext,
    connectionsMax: number,
    countOthers: () => number = () => 0,
  ) {
    this.#context = context;
    this.#countOthers = countOthers;
    this.#connectionsMax = connectionsMax;
    this.#gaveWay = new Tally("a connection without a session gave way", context.log, context.now);
    this.#turnedAway = new TurnedAway(context.log, context.now);
  }

  get count(): number {
    return this.#sessions.size;
  }

  listConnections(): Iterable<Outlet> {
    return this.#sessions.keys();
  }

  /** The bytes received over open connections; a change means activity. */
  get receivedBytes(): number {
    let bytes = 0;
    for (const { link } of this.#sessions.keys()) bytes += link.receivedBytes;
    return bytes;
  }

  /** Shares the memory for what waits for clients among them, and tells the log what was only counted. */
  sweep(): void {
    this.#gaveWay.sweep();
    this.#turnedAway.sweep();
    let bytes = 0;
    for (const outlet of this.#sessions.keys()) {
      bytes += outlet.link.outboundBytes;
      outlet.lookAtMemory();
    }
    this.#context.outbound.adapt(bytes, this.#sessions.size);
  }

  /** Opens a session on a connection, or turns it away when there are too many. */
  open(caller: Caller): void {
    const count = this.#sessions.size + this.#countOthers();
    if (count >= this.#connectionsMax && !this.#giveWay()) {
      const reason =
        `Cannot connect: the broker's connection limit of ${this.#connectionsMax} is reached`;
      return this.#turnedAway.add(caller.duplex, caller.peer, reason);
    }
    const outlet = new Outlet(caller, this.#context.connectionNumbers.take(), this.#context);
    const { counters } = this.#context;
    let protocol: ConnectionProtocol = "none";
    counters.noteOpened(outlet.link);
    const choose = (firstByte: number) => {
      const speaker = this.#chooseSpeaker(outlet, firstByte);
      protocol = speaker instanceof LineSession ? "lines" : "frames";
      counters.noteProtocol(protocol);
      return speaker;
    };
    const ended = outlet.serve(choose)
      .catch((error) => this.#context.log.error("cannot end a session", { error }))
      .finally(() => {
        this.#sessions.delete(outlet);
        this.#strangers.delete(outlet);
        counters.noteClosed(outlet.link, protocol);
      });
    this.#sessions.set(outlet, ended);
    this.#strangers.set(outlet, this.#context.now());
  }

  /** Closes the connection that has been without a session for longest, if there is one to give way. */
  #giveWay(): boolean {
    for (const [outlet, since] of this.#strangers) {
      if (outlet.login.isDone) this.#strangers.delete(outlet);
      else if (this.#context.now() - since < STRANGER_MS_MIN) return false;
      else {
        this.#strangers.delete(outlet);
        this.#sessions.delete(outlet);
        this.#gaveWay.note({ peer: outlet.peer });
        outlet.link.close();
        return true;
      }
    }
    return false;
  }

  #chooseSpeaker(outlet: Outlet, firstByte: number): Speaker {
    if (firstByte === FIRST_BYTE_OF_TLS) {
      throw new BrokerError(
        "BAD_MAGIC",
        "Cannot open a session: the client speaks TLS, this port does not: set tls.certificate",
      );
    }
    const isLines = firstByte === FIRST_BYTE_OF_LINES && this.#context.jsonLines;
    return isLines ? new LineSession(outlet) : new Session(outlet, firstByte);
  }

  /** Notes that the broker may answer again, or not any more: sessions read on, or stop reading. */
  noteSeat(): void {
    for (const { gate } of this.#sessions.keys()) gate.look();
  }

  /** Tells clients which brokers belong to the cluster now. */
  tellBrokers(brokers: readonly string[]): void {
    for (const outlet of this.#sessions.keys()) outlet.tellBrokers(brokers);
  }

  /**
   * Tells clients which other broker serves them, and closes their connections, some in each turn of the event
   * loop. Those that ask about this broker only stay.
   *
   * @returns Resolves when all of them are closed.
   */
  async sendAway(refuse: () => BrokerError): Promise<void> {
    const ended: Promise<void>[] = [];
    let error = refuse();
    for (const [outlet, end] of [...this.#sessions]) {
      outlet.sendAway(error);
      if (outlet.ending === undefined) continue;
      ended.push(end);
      if (ended.length % AWAY_PER_TURN > 0) continue;
      await this.#context.turn.next();
      error = refuse();
    }
    await Promise.all(ended);
  }

  /**
   * Tells all clients that the broker stops, lets them finish, and closes the remaining connections.
   *
   * @param timeoutMs The most time for that, in milliseconds.
   */
  async close(timeoutMs: number): Promise<void> {
    for (const outlet of this.#sessions.keys()) outlet.sayGoodbye();
    // Sessions that have not finished by then are closed all the same.
    await deadline(Promise.all(this.#sessions.values()), timeoutMs).catch(() => {});
    for (const { link } of this.#sessions.keys()) link.close();
    await Promise.all(this.#sessions.values());
    this.#context.sessionLog.end();
    this.#gaveWay.end();
    this.#turnedAway.end();
  }
}
