import { type BrokerError, writeControlFrame } from "../../../protocol.ts";
import { writeResponse } from "../../protocol/frames/query_frame.ts";
import type { Outlet } from "../flow/outlet.ts";
import { SessionStreams } from "./session_streams.ts";

/** The subject of a command or an error. */
export interface Subject {
  readonly query?: number;
  readonly publisher?: number;
  readonly follower?: number;
}

/** Writes a session's answers to its client, for all members. */
export class Answers {
  readonly outlet: Outlet;
  readonly streams: SessionStreams;
  /** Whether the client knows deliveries that tell when their messages were stored. */
  tellsTimes = false;
  /** Whether the client knows lanes, batches in a handler, and what else came with them. */
  knowsWork = false;

  constructor(outlet: Outlet) {
    this.outlet = outlet;
    this.streams = new SessionStreams(
      outlet.context.engine,
      outlet.link.writer,
      outlet.context.hash,
    );
  }

  respond(query: number, result: unknown): void {
    const { outlet } = this;
    if (outlet.isOver) return;
    writeResponse(outlet.link.writer, query, result);
    outlet.link.flush();
  }

  /** Tells the client that a command failed. */
  report(error: BrokerError, about: Subject): void {
    const { code, message, details } = error;
    const figures = Object.keys(details).length > 0 ? { details } : {};
    const { link } = this.outlet;
    writeControlFrame(link.writer, "error", { code, message, ...about, ...figures });
    link.flush();
  }

  /** Tells the client of a failed command; throws fatal errors, such as faults of the broker. */
  fail(cause: unknown, about: Subject): void {
    const error = this.outlet.asBrokerError(cause);
    if (error.fatal) throw error;
    if (!this.outlet.isOver) this.report(error, about);
  }
}
