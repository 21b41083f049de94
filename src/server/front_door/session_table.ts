/**
 * All sessions of a broker: how many there may be, and how they end together.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import type { Duplex } from "../../transport/duplex.ts";
import type { Link } from "../../transport/link.ts";
import { LineSession } from "../json_lines/line_session.ts";
import { Session, type SessionCaller } from "../frames/session.ts";
import type { SessionContext } from "../flow/session_context.ts";
import { TurnedAway } from "./turned_away.ts";

/** A session, whatever it speaks. */
interface AnySession {
  readonly link: Link;
  sayGoodbye(): void;
}

/** The open sessions. */
export class SessionTable {
  readonly #context: SessionContext;
  readonly #connectionsMax: number;
  readonly #sessions = new Map<AnySession, Promise<void>>();
  readonly #turnedAway: TurnedAway;
  #lastNumber = 0;

  constructor(context: SessionContext, connectionsMax: number) {
    this.#context = context;
    this.#connectionsMax = connectionsMax;
    this.#turnedAway = new TurnedAway(context.log, context.now);
  }

  /** How many there are. */
  get count(): number {
    return this.#sessions.size;
  }

  /** How many bytes have come from those that are open; a number that differs says that some have. */
  get receivedBytes(): number {
    let bytes = 0;
    for (const { link } of this.#sessions.keys()) bytes += link.receivedBytes;
    return bytes;
  }

  /** Opens a session on a connection, or turns it away when there are too many. */
  open(duplex: Duplex, peer: string, countQueued?: SessionCaller["countQueued"]): void {
    if (this.#sessions.size >= this.#connectionsMax) {
      const reason = `the broker has ${this.#connectionsMax} connections, the most allowed`;
      return this.#turnedAway.add(duplex, peer, reason);
    }
    const handOver = this.#context.jsonLines
      ? (session: Session) => this.#replace(session)
      : undefined;
    const caller = { duplex, peer, handOver, countQueued };
    const session = new Session(caller, ++this.#lastNumber, this.#context);
    this.#keep(session, session.run());
  }

  /** Opens a session of JSON lines in the place of one that has found them. */
  #replace(session: Session): void {
    this.#sessions.delete(session);
    const lines = new LineSession(session, this.#context);
    this.#keep(lines, lines.run());
  }

  #keep(session: AnySession, running: Promise<void>): void {
    const ended = running
      .catch((error) => this.#context.log.error("a session did not end well", { error }))
      .finally(() => this.#sessions.delete(session));
    this.#sessions.set(session, ended);
  }

  /**
   * Tells all clients that the broker stops, lets them finish what is under way, and closes what is
   * left then.
   *
   * @param timeoutMs How long they may take, in milliseconds.
   */
  async close(timeoutMs: number): Promise<void> {
    for (const session of this.#sessions.keys()) session.sayGoodbye();
    // Whoever has not finished by then is closed all the same.
    await deadline(Promise.all(this.#sessions.values()), timeoutMs).catch(() => {});
    for (const session of this.#sessions.keys()) session.link.close();
    await Promise.all(this.#sessions.values());
  }
}
