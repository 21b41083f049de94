import type { BrokerError } from "../../../protocol.ts";
import type { Outlet } from "../flow/outlet.ts";

/** Writes a session's answers to its client as JSON lines, for all members. */
export class LineAnswers {
  readonly outlet: Outlet;
  /** Set when the broker is being stopped: then nothing more is delivered. */
  isStopping = false;

  constructor(outlet: Outlet) {
    this.outlet = outlet;
  }

  /** Whether too much waits for the client; deliveries go on when there is room again. */
  get isFull(): boolean {
    return this.isStopping || this.outlet.isFull;
  }

  say(line: string): void {
    const { isOver, link } = this.outlet;
    if (isOver) return;
    link.writer.text(`${line}\n`);
    link.flush();
  }

  /** Tells the client of an error; one that is fatal ends the session. */
  report(error: BrokerError): void {
    if (error.fatal) return void this.outlet.endWith(error);
    this.say(formatError(error));
  }
}

/** Writes an error as a line, without its end. */
export function formatError({ code, message, details: { active } }: BrokerError): string {
  return JSON.stringify({ error: { code, message, active } });
}

/**
 * Writes a message, or an answer to a cursor, as a line, without its end.
 *
 * @param body The body: a JSON value, as text.
 * @param id The id for its acknowledgement; 0 for an answer.
 * @param isTruncated Whether something was left out of the answer.
 */
export function formatMessage(body: string, id: number, isTruncated = false): string {
  const cut = isTruncated ? ',"truncated":true' : "";
  return `{"sender_type":"SERVER","request_type":"NEW_MESSAGE_TO_FOLLOWER",` +
    `"message_body":${body},"id":${id}${cut}}`;
}
