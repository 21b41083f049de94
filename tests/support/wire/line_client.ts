/**
 * A client that speaks JSON lines as the Python clients of the original do: raw sockets, one line to a
 * query.
 *
 * @module
 */

// deno-lint-ignore-file camelcase
// The keys are the original's.

import { DuplexClient, openSocket } from "./duplex_client.ts";
import { assertEquals, AssertionError } from "@std/assert";
import type { ErrorCode } from "../../../protocol.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A line that the broker has sent. */
export interface BrokerLine {
  readonly sender_type?: string;
  readonly request_type?: string;
  readonly message_body?: unknown;
  readonly id?: number;
  readonly truncated?: boolean;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly active?: string;
  };
}

/** What a bind looks like in a line. */
export function bindOf(target: string | RegExp): Record<string, string> {
  return typeof target === "string"
    ? { route_string: target, bind_type: "DIRECT" }
    : { route_string: target.source, bind_type: "REGEX_BASED" };
}

/** A cursor's line. */
export function cursorLine(type: string, body: unknown = null): string {
  return format({ sender_type: "CURSOR", request_type: type, message_body: body });
}

/** A publisher's line. The body is JSON as text, so that a test can say what JavaScript cannot. */
export function publishLine(target: string | RegExp, body: string): string {
  const bind = JSON.stringify(bindOf(target));
  return `{"sender_type": "PUBLISHER", "request_type": "NEW_MESSAGE", "message_body": ${body}, ` +
    `"sender_member_name": "pub1", "bind": ${bind}}\n`;
}

/** A follower's line that asks for a message. */
export function giveMeLine(target: string | RegExp, name = "fol1"): string {
  return format({
    sender_type: "FOLLOWER",
    request_type: "GIVE_ME_NEW_MESSAGE",
    message_body: null,
    sender_member_name: name,
    bind: bindOf(target),
  });
}

/** A follower's line that acknowledges a message. */
export function ackLine(target: string | RegExp, id: unknown, name = "fol1"): string {
  return format({
    sender_type: "FOLLOWER",
    request_type: "ACK_MESSAGE",
    message_body: id,
    sender_member_name: name,
    bind: bindOf(target),
  });
}

/** A message as a line of the broker says it. */
export function messageOf(body: unknown, id: number): BrokerLine {
  return {
    sender_type: "SERVER",
    request_type: "NEW_MESSAGE_TO_FOLLOWER",
    message_body: body,
    id,
  };
}

/** A connection that speaks lines. */
export class LineClient extends DuplexClient {
  #received = "";

  /** Opens a connection, and says nothing. */
  static async connect(port: number): Promise<LineClient> {
    return new LineClient(await openSocket(port));
  }

  /** Sends text or bytes in one write. A connection that has ended takes them as well. */
  async send(...what: readonly (string | Uint8Array)[]): Promise<void> {
    await this.write(typeof what[0] === "object" ? what[0] : encoder.encode(what.join("")));
  }

  /** The next line as text, or `undefined` at the end of the connection. */
  async nextText(): Promise<string | undefined> {
    for (;;) {
      const end = this.#received.indexOf("\n");
      if (end >= 0) {
        const line = this.#received.slice(0, end);
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      const text = await this.receive(65_536);
      if (text === undefined) {
        assertEquals(this.#received, "", "the last line has no end");
        return undefined;
      }
      this.#received += text;
    }
  }

  /** The next line. */
  async next(): Promise<BrokerLine> {
    const text = await this.nextText();
    if (text === undefined) throw new AssertionError("Expected a line, found the end");
    return JSON.parse(text);
  }

  /** What one read of so many bytes brings, as the Python clients read. */
  async receive(countMax = 1024): Promise<string | undefined> {
    const buffer = new Uint8Array(countMax);
    const count = await this.read(buffer);
    return count === null ? undefined : decoder.decode(buffer.subarray(0, count));
  }

  /** Sends a line and takes the next one: an answer, whose body is given. */
  async ask(line: string): Promise<unknown> {
    await this.send(line);
    const answer = await this.next();
    assertEquals(answer, { ...messageOf(answer.message_body, 0) });
    return answer.message_body;
  }

  /** The next line, which must be an error with that code; gives its message. */
  async expectError(code: ErrorCode): Promise<string> {
    const line = await this.next();
    if (line.error?.code === code) {
      assertEquals(Object.keys(line), ["error"]);
      assertEquals(Object.keys(line.error), ["code", "message"]);
      return line.error.message;
    }
    throw new AssertionError(`Expected error ${code}, found ${JSON.stringify(line)}`);
  }

  /** Waits for the end of the connection; nothing may come before. */
  async expectEnd(): Promise<void> {
    assertEquals(await this.nextText(), undefined);
  }

  /** Says over a socket that nothing more will come, and still reads. */
  async closeWrite(): Promise<void> {
    await (this.duplex as Deno.TcpConn).closeWrite();
  }
}

function format(line: unknown): string {
  return `${JSON.stringify(line)}\n`;
}
