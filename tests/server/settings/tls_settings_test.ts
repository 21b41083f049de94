// Settings of TLS that mean nothing without each other.

import { resolveSettings } from "../../../src/server/settings/load_settings.ts";
import { type PartialSettings, SettingsError } from "../../../src/server/settings/settings.ts";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";

type Tls = NonNullable<PartialSettings["tls"]>;

const pair = { certificate: "cert.pem", key: "key.pem" };

const wrong: [what: string, tls: Tls, mistakes: string[]][] = [
  ["a certificate alone", { certificate: "cert.pem" }, [
    'setting "tls.certificate": found "cert.pem" without "tls.key", allowed only with it',
  ]],
  ["a key alone", { key: "key.pem" }, [
    'setting "tls.key": found "key.pem" without "tls.certificate", allowed only with it',
  ]],
  ["certificates of clients that nobody can check", { ...pair, clientCertificates: "required" }, [
    'setting "tls.clientCertificates": found "required" without "tls.clientCa", ' +
    "allowed only with it",
  ]],
  ["authorities of clients that show nothing", { ...pair, clientCa: "ca.pem" }, [
    'setting "tls.clientCa": found "ca.pem" without "tls.clientCertificates", ' +
    "allowed only with it",
  ]],
  ["certificates of clients without TLS", { clientCa: "ca.pem", clientCertificates: "optional" }, [
    'setting "tls.clientCa": found "ca.pem" without "tls.certificate", allowed only with it',
  ]],
];

for (const [what, tls, mistakes] of wrong) {
  Deno.test(`settings of TLS are refused: ${what}`, () => {
    const error = assertThrows(() => resolveSettings({ tls }), RangeError);
    assertInstanceOf(error.cause, SettingsError);
    assertEquals(error.cause.mistakes, mistakes);
  });
}

Deno.test("settings of TLS are taken, with and without certificates of clients", () => {
  assertEquals(resolveSettings({ tls: pair }).tls, {
    ...pair,
    clientCa: "",
    clientCertificates: "off",
  });
  for (const clientCertificates of ["optional", "required"] as const) {
    const tls = { ...pair, clientCa: "ca.pem", clientCertificates };
    assertEquals(resolveSettings({ tls }).tls, tls);
  }
});
