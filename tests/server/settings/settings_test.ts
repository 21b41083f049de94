/**
 * The settings: every mistake first, then what comes before what.
 *
 * @module
 */

import {
  type LoadedSettings,
  loadSettings,
  resolveSettings,
} from "../../../src/server/settings/load_settings.ts";
import { type PartialSettings, SettingsError } from "../../../src/server/settings/settings.ts";
import { SETTING_ROWS } from "../../../src/server/settings/setting_table.ts";
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

interface World {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

function load(world: World): Promise<LoadedSettings> {
  const { args = [], env = {}, files = {} } = world;
  return loadSettings({
    args,
    env: (name) => env[name],
    variables: Object.keys(env),
    defaultFile: "./settings.yaml",
    readTextFile: (path) => {
      const content = files[path];
      if (content === undefined) return Promise.reject(new Deno.errors.NotFound(path));
      return Promise.resolve(content);
    },
  });
}

/** Loads what only a file says. */
function loadFile(content: string): Promise<LoadedSettings> {
  return load({ files: { "./settings.yaml": content } });
}

/** Loads settings with mistakes in them, and gives these. */
async function mistakesOf(world: World): Promise<readonly string[]> {
  return (await assertRejects(() => load(world), SettingsError)).mistakes;
}

async function mistakesOfFile(content: string): Promise<readonly string[]> {
  return await mistakesOf({ files: { "./settings.yaml": content } });
}

const IN_FILE = ' in "./settings.yaml": found';
const PATHS = "allowed a path of 1 to 1024 characters";

// Files

Deno.test("loadSettings() names every mistake at once, with source, key, found and allowed", async () => {
  const world = {
    files: { "./settings.yaml": "port: 70000\nstorag:\n  engine: memory\nlog_level: loud\n" },
    env: { SIMPLEMQ_HEARTBEAT_MS: "soon" },
    args: ["--limits-connections", "0", "--prot=1", "verify"],
  };
  assertEquals(await mistakesOf(world), [
    'flag "--prot": found an unknown name, the nearest known one is "--port"',
    'argument "verify": found an unknown command, allowed only flags',
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
      `setting "storage.engine"${IN_FILE} "redis", allowed journal, memory`,
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
    [
      "host: 0.0.0.0",
      `setting "host"${IN_FILE} "0.0.0.0", where other machines can connect without ` +
      "authentication, allowed localhost, or any with insecure: true",
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

// Flags and environment

for (
  const [arg, mistake] of [
    ["--port", 'setting "port" from --port: found nothing, allowed 0 to 65535'],
    ["--port=1e3", 'setting "port" from --port: found "1e3", allowed 0 to 65535'],
    ["--port=-1", 'setting "port" from --port: found -1, allowed 0 to 65535'],
    ["--insecure=no", 'setting "insecure" from --insecure: found "no", allowed true or false'],
    [
      "--no-insecur",
      'flag "--no-insecur": found an unknown name, the nearest known one is "--insecure"',
    ],
    ["--no-port", 'flag "--no-port": found an unknown name, the nearest known one is "--port"'],
    [
      "--no-json-lines=true",
      'flag "--no-json-lines": found an unknown name, ' +
      'the nearest known one is "--json-lines"',
    ],
    [
      "--logLevel=debug",
      'flag "--logLevel": found an unknown name, the nearest known one is "--log-level"',
    ],
    ["--colour", 'flag "--colour": found an unknown name, --help lists the known ones'],
    ["-p", 'flag "-p": found an unknown name, --help lists the known ones'],
    ["--settings=", 'flag "--settings": found nothing, allowed a file'],
    ["repair", 'argument "repair": found an unknown command, allowed only flags'],
    ["9090", 'argument "9090": found an unknown command, allowed only flags'],
  ] as const
) {
  Deno.test(`loadSettings() refuses the argument ${arg}`, async () => {
    assertEquals(await mistakesOf({ args: [arg] }), [mistake]);
  });
}

Deno.test("loadSettings() reports a mistake in a source that another one overrides", async () => {
  const world = { files: { "./settings.yaml": "port: 70000" }, args: ["--port", "1"] };
  assertEquals(await mistakesOf(world), [`setting "port"${IN_FILE} 70000, allowed 0 to 65535`]);
});

Deno.test("loadSettings() takes the defaults where nothing is said", async () => {
  const { settings, file, help, version } = await load({});
  assertEquals(settings, resolveSettings());
  assertEquals([file, help, version], [undefined, false, false]);
  for (const content of ["", "# nothing", "storage:\n  # engine: memory\n"]) {
    assertEquals((await loadFile(content)).settings, settings);
  }
});

Deno.test("loadSettings() lets flags override the environment, that the file, that the defaults", async () => {
  const args = ["--port", "4"];
  const env = { SIMPLEMQ_PORT: "3" };
  const files = { "./settings.yaml": "port: 2" };
  const ports: number[] = [];
  for (const world of [{}, { files }, { files, env }, { files, env, args }]) {
    ports.push((await load(world)).settings.port);
  }
  assertEquals(ports, [9090, 2, 3, 4]);
});

Deno.test("loadSettings() reads the named file in place of the default one", async () => {
  const files = { "./settings.yaml": "port: 1", "a.yaml": "port: 2", "b.yaml": "port: 3" };
  const env = { SIMPLEMQ_SETTINGS: "a.yaml" };
  const fromEnvironment = await load({ files, env });
  assertEquals([fromEnvironment.settings.port, fromEnvironment.file], [2, "a.yaml"]);
  const fromFlag = await load({ files, env, args: ["--settings", "b.yaml"] });
  assertEquals([fromFlag.settings.port, fromFlag.file], [3, "b.yaml"]);
});

Deno.test("loadSettings() knows every setting as key, variable and flag", async () => {
  const defaults = (await load({})).settings;
  for (const { key, variable, flag, setting } of SETTING_ROWS) {
    const text = setting.show(setting.initial);
    const [group, name] = key.split(".");
    const content = name ? `${group}: {${name}: ${text}}` : `${group}: ${text}`;
    assertEquals((await loadFile(content)).settings, defaults);
    assertEquals((await load({ env: { [variable]: text } })).settings, defaults);
    assertEquals((await load({ args: [`--${flag}`, text] })).settings, defaults);
  }
});

Deno.test("loadSettings() reads sizes with units everywhere", async () => {
  const sizes = [
    (await loadFile("storage: {memory_limit: 2GiB}")).settings.storage.memoryLimit,
    (await loadFile("storage: {memory_limit: 1048576}")).settings.storage.memoryLimit,
    (await load({ env: { SIMPLEMQ_STORAGE_MEMORY_LIMIT: "1.5 kib" } })).settings.storage
      .memoryLimit,
    (await load({ args: ["--storage-memory-limit=1MB"] })).settings.storage.memoryLimit,
  ];
  assertEquals(sizes, [2 * 1024 ** 3, 1024 ** 2, 1536, 1_000_000]);
});

Deno.test("loadSettings() takes names in any case, as the original did", async () => {
  assertEquals((await loadFile("log_level: DEBUG")).settings.logLevel, "debug");
  assertEquals(
    (await load({ env: { SIMPLEMQ_LOG_LEVEL: "Warning" } })).settings.logLevel,
    "warning",
  );
});

Deno.test("loadSettings() lets others connect if it is told that this is insecure", async () => {
  const { settings } = await load({ args: ["--host", "0.0.0.0", "--insecure"] });
  assertEquals([settings.host, settings.insecure], ["0.0.0.0", true]);
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1", "0:0:0:0:0:0:0:1"]) {
    assertEquals((await load({ args: ["--host", host] })).settings.host, host);
  }
  for (const host of ["::", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com", "::2"]) {
    assertEquals((await mistakesOf({ args: ["--host", host] })).length, 1);
  }
});

Deno.test("loadSettings() passes over variables that are empty or from Kubernetes", async () => {
  const env = {
    SIMPLEMQ_HOST: "",
    SIMPLEMQ_PORT: "tcp://10.0.0.1:9090",
    SIMPLEMQ_SERVICE_HOST: "10.0.0.1",
    SIMPLEMQ_SERVICE_PORT: "9090",
    SIMPLEMQ_SERVICE_PORT_SMQ: "9090",
    SIMPLEMQ_PORT_9090_TCP: "tcp://10.0.0.1:9090",
    SIMPLEMQ_PORT_9090_TCP_PROTO: "tcp",
    SIMPLEMQ_PORT_9090_TCP_PORT: "9090",
    SIMPLEMQ_PORT_9090_TCP_ADDR: "10.0.0.1",
    SIMPLEMQ_PORTS_PORT: "tcp://10.0.0.2:80",
  };
  const { settings, warnings } = await load({ env });
  assertEquals(settings, resolveSettings());
  assertEquals(warnings, [
    'SIMPLEMQ_PORT is "tcp://10.0.0.1:9090", which Kubernetes sets for a service: ' +
    "it is not the broker's setting, and is passed over",
  ]);
});

Deno.test("loadSettings() warns of unknown variables that are near to known ones", async () => {
  const env = {
    SIMPLEMQ_PROT: "1",
    SIMPLEMQ_HOSTNAME: "::",
    SIMPLEMQ_STORAGE_DIR: "/data",
    SIMPLEMQ_SETTING: "a.yaml",
    SIMPLEMQ_COLOUR: "red",
    SIMPLEMQ_SERVER: "a:1",
    SIMPLEMQ_TOKEN: "secret",
    SIMPLEMQ_TOKEN_FILE: "token",
    SIMPLEMQ_LOG_LEVEL: "debug",
    OTHER_PROT: "1",
  };
  const { settings, warnings } = await load({ env });
  assertEquals(settings, resolveSettings({ logLevel: "debug" }));
  assertEquals(warnings, [
    "there is no variable SIMPLEMQ_PROT, the nearest known one is SIMPLEMQ_PORT",
    "there is no variable SIMPLEMQ_HOSTNAME, the nearest known one is SIMPLEMQ_HOST",
    "there is no variable SIMPLEMQ_STORAGE_DIR, the nearest known one is " +
    "SIMPLEMQ_STORAGE_DIRECTORY",
    "there is no variable SIMPLEMQ_SETTING, the nearest known one is SIMPLEMQ_SETTINGS",
  ]);
  assertEquals((await load({})).warnings, []);
});

Deno.test("loadSettings() turns off what is on by default", async () => {
  for (const arg of ["--no-json-lines", "--json-lines=false"]) {
    assertEquals((await load({ args: [arg] })).settings.jsonLines, false);
  }
  const { settings } = await load({ args: ["--no-insecure", "--json-lines"] });
  assertEquals([settings.insecure, settings.jsonLines], [false, true]);
});

Deno.test("loadSettings() answers to --help, -h and --version whatever else is wrong", async () => {
  const files = { "./settings.yaml": "port: 70000" };
  for (
    const [arg, help, version] of [["--help", true, false], ["-h", true, false], [
      "--version",
      false,
      true,
    ]]
  ) {
    const loaded = await load({ files, args: ["--prot", String(arg)] });
    assertEquals([loaded.help, loaded.version], [help, version]);
  }
});

// Programs

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
    'setting "storage.engine": found "jetstream", allowed journal, memory',
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
    () => resolveSettings({ port: -1, host: "0.0.0.0", heartbeatMs: 50_000 }),
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
