// Settings that a program gives.

import { resolveSettings } from "../../../src/server/settings/load_settings.ts";
import { type PartialSettings, SettingsError } from "../../../src/server/settings/settings.ts";
import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";

Deno.test("resolveSettings() names every mistake at once as a TypeError", () => {
  const partial = { port: "9090", prot: 1, storage: { engine: "jetstream", memory_limit: 1 } };
  const error = assertThrows(
    () => resolveSettings(partial as unknown as PartialSettings),
    TypeError,
  );
  assertInstanceOf(error.cause, SettingsError);
  assertEquals(error.message, error.cause.message);
  assertEquals(error.cause.mistakes, [
    'setting "port": found "9090", a text and not a number, allowed 0 to 65535',
    'setting "prot": found an unknown name, the nearest known one is "port"',
    'setting "storage.engine": found "jetstream", allowed journal, memory, cluster',
    'setting "storage.memory_limit": found an unknown name, ' +
    'the nearest known one is "storage.memoryLimit"',
  ]);
});

Deno.test("resolveSettings() takes sizes as its messages say them, and names what is near", () => {
  const { storage, limits } = resolveSettings({
    storage: { memoryLimit: "1GiB" },
    limits: { messageBytes: "1.5 MB", unconfirmedBytes: 1000 },
  });
  assertEquals(
    [storage.memoryLimit, limits.messageBytes, limits.unconfirmedBytes],
    [1024 ** 3, 1_500_000, 1000],
  );
  const wrong = { hostname: "::1", storage: { memoryLimit: "1048576", directory: "4KiB" } };
  const error = assertThrows(() => resolveSettings(wrong as PartialSettings), TypeError);
  assertEquals((error.cause as SettingsError).mistakes, [
    'setting "hostname": found an unknown name, the nearest known one is "host"',
    'setting "storage.memoryLimit": found "1048576", a text and not a number, ' +
    "allowed 1 to 1TiB, in bytes or such as 256KiB",
  ]);
  assertThrows(
    () => resolveSettings({ storage: { memoryLimit: "1 lot" } }),
    TypeError,
    'found "1 lot", allowed 1 to 1TiB',
  );
});

Deno.test("resolveSettings() throws a RangeError if all values have the right type", () => {
  const error = assertThrows(
    () => resolveSettings({ port: -1, host: "", heartbeatMs: 50_000 }),
    RangeError,
    "Cannot start: 3 mistakes in the settings",
  );
  assertStringIncludes(
    error.message,
    'setting "heartbeatTimeoutMs" by default: found 40000, allowed more than "heartbeatMs"',
  );
});

Deno.test("resolveSettings() refuses what is no plain object", () => {
  for (const partial of [null, 1, "memory", [], new Date(), new Map()]) {
    assertThrows(
      () => resolveSettings(partial as PartialSettings),
      TypeError,
      "Cannot start: found",
    );
  }
  const nested = { storage: null } as unknown as PartialSettings;
  assertThrows(() => resolveSettings(nested), TypeError, 'setting "storage": found nothing');
});

Deno.test("resolveSettings() completes what is given, and skips what is undefined", () => {
  const settings = resolveSettings({
    port: 0,
    host: undefined,
    storage: { memoryLimit: 1024, engine: undefined },
  });
  const defaults = resolveSettings();
  assertEquals(settings, {
    ...defaults,
    port: 0,
    storage: { ...defaults.storage, memoryLimit: 1024 },
  });
  assertEquals(resolveSettings(settings), settings);
});
