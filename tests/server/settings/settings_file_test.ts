// Mistakes in settings files.

import { loadSettings } from "../../../src/server/settings/load_settings.ts";
import { SettingsError } from "../../../src/server/settings/settings.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { IN_FILE, mistakesOf } from "./world.ts";

async function mistakesOfFile(content: string): Promise<readonly string[]> {
  return await mistakesOf({ files: { "./settings.yaml": content } });
}

const PATHS = "allowed a path of 1 to 1024 characters";

Deno.test("loadSettings() names every mistake at once, with source, key, found and allowed", async () => {
  const world = {
    files: { "./settings.yaml": "port: 70000\nstorag:\n  engine: memory\nlog_level: loud\n" },
    env: { SIMPLEMQ_HEARTBEAT_MS: "soon" },
    args: ["--limits-connections", "0", "--prot=1", "verify"],
  };
  assertEquals(await mistakesOf(world), [
    'flag "--prot": found an unknown name, the nearest known one is "--port"',
    'argument "verify": found no flag; a command stands before all flags',
    `setting "port"${IN_FILE} 70000, allowed 0 to 65535`,
    `setting "storag"${IN_FILE} an unknown name, the nearest known one is "storage"`,
    `setting "log_level"${IN_FILE} "loud", allowed debug, info, warning, error`,
    'setting "limits.connections" from --limits-connections: found 0, allowed 1 to 1000000',
    'setting "heartbeat_ms" from SIMPLEMQ_HEARTBEAT_MS: found "soon", allowed 1 to 3600000',
  ]);
});

Deno.test("SettingsError shows one mistake on its line, and several below each other", () => {
  assertEquals(new SettingsError(["a: b"]).message, "Cannot start: a: b");
  assertEquals(
    new SettingsError(["a: b", "c: d"]).message,
    "Cannot start: 2 mistakes in the settings\n  a: b\n  c: d",
  );
});

for (
  const [content, ...mistakes] of [
    ["port: -1", `setting "port"${IN_FILE} -1, allowed 0 to 65535`],
    ["port: 1.5", `setting "port"${IN_FILE} 1.5, not a whole number, allowed 0 to 65535`],
    ["port: .nan", `setting "port"${IN_FILE} NaN, not a whole number, allowed 0 to 65535`],
    ["port: high", `setting "port"${IN_FILE} "high", allowed 0 to 65535`],
    ["port: true", `setting "port"${IN_FILE} true, allowed 0 to 65535`],
    ["port:", `setting "port"${IN_FILE} nothing, allowed 0 to 65535`],
    ["port: [1]", `setting "port"${IN_FILE} a list, allowed 0 to 65535`],
    ["port: {a: 1}", `setting "port"${IN_FILE} a group, allowed 0 to 65535`],
    ["insecure: yes", `setting "insecure"${IN_FILE} "yes", allowed true or false`],
    [
      "host: ''",
      `setting "host"${IN_FILE} nothing, allowed a host name or an address, without brackets`,
    ],
    [
      "host: '[::1]'",
      `setting "host"${IN_FILE} "[::1]", allowed a host name or an address, without brackets`,
    ],
    [
      'host: "a\\nb"',
      `setting "host"${IN_FILE} "a\\nb", allowed a host name or an address, without brackets`,
    ],
    [
      "storage: {engine: redis}",
      `setting "storage.engine"${IN_FILE} "redis", allowed journal, memory, cluster`,
    ],
    [
      "storage: memory",
      `setting "storage"${IN_FILE} "memory", ` +
      "allowed a group of storage.engine, storage.directory, storage.sync, " +
      "storage.sync_interval_ms, storage.memory_limit",
    ],
    [
      "limits: {message_bytes: 65MiB}",
      `setting "limits.message_bytes"${IN_FILE} 68157440, ` +
      "allowed 1 to 64MiB, in bytes or such as 256KiB",
    ],
    [
      "storage: {memory_limit: 1 lot}",
      `setting "storage.memory_limit"${IN_FILE} "1 lot", ` +
      "allowed 1 to 1TiB, in bytes or such as 256KiB",
    ],
    [
      "storage: {memory_limits: 1}",
      `setting "storage.memory_limits"${IN_FILE} an unknown name, ` +
      'the nearest known one is "storage.memory_limit"',
    ],
    [
      "storage: {colour: red}",
      `setting "storage.colour"${IN_FILE} an unknown name, ` +
      "allowed storage.engine, storage.directory, storage.sync, storage.sync_interval_ms, " +
      "storage.memory_limit",
    ],
    ['storage: {directory: ""}', `setting "storage.directory"${IN_FILE} nothing, ${PATHS}`],
    ["storage: {directory: 7}", `setting "storage.directory"${IN_FILE} 7, ${PATHS}`],
    [
      "storage: {sync: sometimes}",
      `setting "storage.sync"${IN_FILE} "sometimes", allowed always, interval, never`,
    ],
    [
      "storage: {sync_interval_ms: 0}",
      `setting "storage.sync_interval_ms"${IN_FILE} 0, allowed 1 to 3600000`,
    ],
    [
      "engine: memory",
      `setting "engine"${IN_FILE} an unknown name, the nearest known one is "storage.engine"`,
    ],
    [
      "Port: 1",
      `setting "Port"${IN_FILE} an unknown name, the nearest known one is "port"`,
    ],
    [
      "heartbeat_ms: 60000",
      'setting "heartbeat_timeout_ms" by default: found 40000, ' +
      'allowed more than "heartbeat_ms", which is 60000',
    ],
    ["- port", 'file "./settings.yaml": found a list, allowed names with values'],
    ["port", 'file "./settings.yaml": found "port", allowed names with values'],
  ] as const
) {
  Deno.test(`loadSettings() refuses the file ${JSON.stringify(content)}`, async () => {
    assertEquals(await mistakesOfFile(content), mistakes);
  });
}

Deno.test("loadSettings() takes prototypes in a file for unknown names", async () => {
  const mistakes = await mistakesOfFile(
    "__proto__: {port: 1}\nconstructor: 1\nstorage: {__proto__: 1, toString: 2}",
  );
  assertEquals(mistakes.length, 4);
  for (const mistake of mistakes) assertStringIncludes(mistake, "found an unknown name");
  assertFalse("port" in {});
});

Deno.test("loadSettings() reports a file that is not YAML", async () => {
  for (const content of ["port: [1", "port: 1\nport: 2", "a: !x 1", "a: 1\n---\nb: 2", "a: *b"]) {
    const [mistake = "", ...others] = await mistakesOfFile(content);
    assertEquals(others, []);
    assertStringIncludes(mistake, 'file "./settings.yaml": found no valid YAML: ');
    assertFalse(mistake.includes("\n"));
  }
});

Deno.test("loadSettings() does not fall for hostile YAML", async () => {
  const bomb = [
    "a: &a [x]",
    ..."bcdefghijk".split("").map((name, index) => {
      const earlier = "abcdefghijk"[index];
      return `${name}: &${name} [${Array(9).fill(`*${earlier}`).join(", ")}]`;
    }),
  ].join("\n");
  for (const content of [bomb, "[".repeat(60_000), "&a [*a]", "storage: &s {engine: *s}"]) {
    assert((await mistakesOfFile(content)).length > 0);
  }
});

Deno.test("loadSettings() refuses a file larger than 64 KiB unread", async () => {
  const mistakes = await mistakesOfFile("# " + "é".repeat(32 * 1024));
  assertEquals(mistakes, ['file "./settings.yaml": found 65538 bytes, allowed 65536']);
});

Deno.test("loadSettings() reports a file that cannot be read, and a named one that is missing", async () => {
  const named = 'file "other.yaml": found no such file';
  assertEquals(await mistakesOf({ args: ["--settings", "other.yaml"] }), [named]);
  assertEquals(await mistakesOf({ env: { SIMPLEMQ_SETTINGS: "other.yaml" } }), [named]);
  const error = await assertRejects(
    () =>
      loadSettings({
        args: [],
        env: () => undefined,
        defaultFile: "./settings.yaml",
        readTextFile: () => Promise.reject(new Deno.errors.PermissionDenied("no access")),
      }),
    SettingsError,
  );
  assertEquals(error.mistakes, ['file "./settings.yaml": cannot be read: no access']);
});
