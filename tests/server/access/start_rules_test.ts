/**
 * Where a broker may listen: beyond this machine only with users and TLS, or if that is meant.
 *
 * @module
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { checkExposure } from "../../../src/server/access/start_rules.ts";
import { SettingsError } from "../../../src/server/settings/settings.ts";

function check(
  host: string,
  { insecure = false, hasUsers = false, hasTls = false, path = "" } = {},
) {
  const describe = (path: string) => `setting "${path}" from --${path}`;
  const users = { path, isDefault: true };
  const place = { path: "host", host } as const;
  return checkExposure({ settings: { insecure }, place, describe, users, hasUsers, hasTls });
}

const OTHERS = ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.a.com", "::2"];
const LOOPBACK = ["localhost", "127.0.0.1", "127.8.8.8", "::1", "0:0:0:0:0:0:0:1"];

for (
  const [what, has, mistake] of [
    [
      "users",
      { hasTls: true },
      "where other machines can connect without authentication, allowed localhost, any with users " +
      "and tls.certificate, or any with insecure: true",
    ],
    [
      "users and TLS",
      {},
      "where other machines can connect without authentication, allowed localhost, any with users " +
      "and tls.certificate, or any with insecure: true",
    ],
    [
      "TLS",
      { hasUsers: true },
      "where other machines can read tokens and messages on their way, allowed localhost, any with " +
      "tls.certificate, or any with insecure: true",
    ],
  ] as const
) {
  Deno.test(`checkExposure() refuses other machines without ${what}, unless that is meant`, () => {
    for (const host of OTHERS) {
      const { mistakes } = assertThrows(() => check(host, has), SettingsError);
      assertEquals(mistakes, [`setting "host" from --host: found "${host}", ${mistake}`]);
      const warning = check(host, { ...has, insecure: true });
      assertEquals(warning?.startsWith(`the broker is not safe at ${host}: `), true, warning);
    }
  });
}

Deno.test("checkExposure() names the file of users that is not there", () => {
  const path = "./users.yaml";
  const [mistake] = assertThrows(() => check("::", { path }), SettingsError).mistakes;
  assertStringIncludes(mistake!, 'without authentication as there is no "./users.yaml", allowed ');
  assertEquals(
    check("localhost", { path, hasTls: true }),
    'there is no "./users.yaml": everybody on this machine may do everything',
  );
  assertEquals(check("localhost", { path }), undefined);
});

Deno.test("checkExposure() lets this machine in, and others with users and TLS", () => {
  for (const hasUsers of [false, true]) {
    for (const hasTls of [false, true]) {
      for (const host of LOOPBACK) assertEquals(check(host, { hasUsers, hasTls }), undefined);
    }
  }
  for (const host of OTHERS) {
    for (const insecure of [false, true]) {
      assertEquals(check(host, { hasUsers: true, hasTls: true, insecure }), undefined);
    }
  }
});
