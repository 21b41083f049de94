/**
 * The table of error codes, and the class that carries one.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertInstanceOf, assertMatch } from "@std/assert";
import { BrokerError, ERROR_CODES, type ErrorCode, isErrorCode } from "../../protocol.ts";

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

Deno.test("ERROR_CODES has a code in capitals and a meaning for each entry", () => {
  for (const code of codes) {
    assertMatch(code, /^[A-Z]+(_[A-Z]+)*$/);
    assert(ERROR_CODES[code].meaning.length > 0);
  }
});

Deno.test("isErrorCode() knows the table and nothing else", () => {
  for (const code of codes) assert(isErrorCode(code));
  for (
    const other of ["", "bad_frame", "toString", "__proto__", undefined, null, 1, ["BAD_FRAME"]]
  ) {
    assertFalse(isErrorCode(other));
  }
});

Deno.test("BrokerError takes from the table whether it is fatal, and keeps its cause", () => {
  const cause = new Error("deeper");
  for (const code of codes) {
    const error = new BrokerError(code, "what was tried", { cause });
    assertInstanceOf(error, Error);
    assertEquals(error.name, "BrokerError");
    assertEquals(error.message, "what was tried");
    assertEquals(error.fatal, ERROR_CODES[code].fatal);
    assertEquals(error.cause, cause);
  }
});

Deno.test("BrokerError has the figures that it was given, or none", () => {
  const details = { stream: "orders", what: "messages", depth: 5, limit: 5, room: 0 } as const;
  assertEquals(new BrokerError("STREAM_FULL", "full", { details }).details, details);
  assertEquals(new BrokerError("STREAM_FULL", "full").details, {});
});

Deno.test("what answers one command ends no session, everything else does", () => {
  assertEquals(codes.filter((code) => !ERROR_CODES[code].fatal).sort(), [
    "BAD_PATTERN",
    "BAD_REQUEST",
    "BAD_STREAM_NAME",
    "BATCH_NOT_SETTLED",
    "CANCELLED",
    "DISK_FULL",
    "FOLLOWER_NOT_FOUND",
    "FORBIDDEN",
    "HANDLER_TIMEOUT",
    "HEADERS_TOO_LARGE",
    "LIMIT_NOT_FOUND",
    "LIMIT_REACHED",
    "MEMORY_FULL",
    "MESSAGE_NOT_FOUND",
    "MESSAGE_TOO_LARGE",
    "NO_MATCHING_STREAM",
    "PUBLISHER_CLOSED",
    "PUBLISHER_FORGOTTEN",
    "PUBLISH_TIMEOUT",
    "REPLY_TIMEOUT",
    "SCHEDULE_NOT_FOUND",
    "STALE_DELIVERY",
    "STREAM_DAMAGED",
    "STREAM_DIFFERS",
    "STREAM_FULL",
    "STREAM_NOT_FOUND",
    "TOO_MANY_MEMBERS",
    "TOO_MANY_SCHEDULES",
    "TOO_MANY_STREAMS",
    "UNKNOWN_DELIVERY",
  ]);
});
