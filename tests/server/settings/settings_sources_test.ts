// Flags, the environment, and which source comes before which.

import {
  type LoadedSettings,
  resolveSettings,
} from "../../../src/server/settings/load_settings.ts";
import { SETTING_ROWS } from "../../../src/server/settings/setting_table.ts";
import { assertEquals } from "@std/assert";
import { IN_FILE, load, mistakesOf } from "./world.ts";

/** Loads what only a file says. */
function loadFile(content: string): Promise<LoadedSettings> {
  return load({ files: { "./settings.yaml": content } });
}

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
    ["--colour", 'flag "--colour": found an unknown name, help serve lists the known ones'],
    ["-p", 'flag "-p": found an unknown name, help serve lists the known ones'],
    ["--settings=", 'flag "--settings": found nothing, allowed a file'],
    ["repair", 'argument "repair": found no flag; a command stands before all flags'],
    ["9090", 'argument "9090": found no flag; a command stands before all flags'],
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

Deno.test("loadSettings() tells where the value of a setting is from", async () => {
  const { describe } = await load({
    args: ["--host", "0.0.0.0"],
    env: { SIMPLEMQ_USERS: "u" },
    files: { "./settings.yaml": "insecure: true" },
  });
  assertEquals(describe("host"), 'setting "host" from --host');
  assertEquals(describe("users"), 'setting "users" from SIMPLEMQ_USERS');
  assertEquals(describe("insecure"), 'setting "insecure" in "./settings.yaml"');
  assertEquals(describe("tls.clientCa"), 'setting "tls.client_ca" by default');
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
