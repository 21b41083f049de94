/** What of a runtime's errors is only the end of a connection. */

import { assertEquals } from "@std/assert";
import { isConnectionEnd } from "../../src/transport/connection_end.ts";

Deno.test("the errors of Deno by which a connection ends are known by their names", () => {
  const { errors } = Deno;
  const ends = [
    errors.ConnectionReset,
    errors.ConnectionAborted,
    errors.BrokenPipe,
    errors.NotConnected,
    errors.Interrupted,
    errors.BadResource,
    errors.UnexpectedEof,
    errors.TimedOut,
  ];
  assertEquals(ends.filter((End) => !isConnectionEnd(new End("over"))), []);
  const others = [errors.ConnectionRefused, errors.PermissionDenied, errors.NotFound, TypeError];
  assertEquals(others.filter((Other) => isConnectionEnd(new Other("no"))), []);
});

Deno.test("the errors of node:net and node:tls by which a connection ends are known by their codes", () => {
  const withCode = (code: string) => Object.assign(new Error("over"), { code });
  const ends = ["ECONNRESET", "EPIPE", "ERR_STREAM_DESTROYED", "ERR_SSL_DECRYPTION_FAILED"];
  assertEquals(ends.filter((code) => !isConnectionEnd(withCode(code))), []);
  const others = ["ECONNREFUSED", "ENOTFOUND", "EACCES", "ERR_INVALID_ARG_TYPE"];
  assertEquals(others.filter((code) => isConnectionEnd(withCode(code))), []);
});

Deno.test("what is no error is no end", () => {
  const values = [undefined, null, "ECONNRESET", { code: "ECONNRESET", name: "BrokenPipe" }];
  assertEquals(values.filter(isConnectionEnd), []);
});
