// The settings of the port for HTTP: off as a whole in every source, and whether somebody has chosen.

import { assertEquals } from "@std/assert";
import { resolveServeOptions } from "../../../src/server/settings/serve_options.ts";
import { load, mistakesOf } from "./world.ts";

for (
  const [what, world] of [
    ["a file", { files: { "./settings.yaml": "http: false\n" } }],
    ["a text in a file", { files: { "./settings.yaml": 'http: "false"\n' } }],
    ["a group in a file", { files: { "./settings.yaml": "http:\n  enabled: false\n" } }],
    ["the environment", { env: { SIMPLEMQ_HTTP: "false" } }],
    ["a flag", { args: ["--http=false"] }],
    ["a negated flag", { args: ["--no-http"] }],
    ["a flag against a file", {
      args: ["--no-http"],
      files: { "./settings.yaml": "http: true\n" },
    }],
  ] as const
) {
  Deno.test(`HTTP is turned off by ${what}`, async () => {
    const { settings } = await load(world);
    assertEquals(settings.http, { enabled: false, host: "localhost", port: 9190, names: "" });
    assertEquals((await load({})).settings.http.enabled, true);
  });
}

for (
  const [settings, mistake] of [
    [
      "http: 9190\n",
      'setting "http" in "./settings.yaml": found 9190, allowed true, false or a group of ' +
      "http.enabled, http.host, http.port, http.names",
    ],
    [
      "http: [1]\n",
      'setting "http" in "./settings.yaml": found a list, allowed true, false or a group of ' +
      "http.enabled, http.host, http.port, http.names",
    ],
    [
      "http:\n  prot: 1\n",
      'setting "http.prot" in "./settings.yaml": found an unknown name, ' +
      'the nearest known one is "http.port"',
    ],
    [
      "http:\n  names: a b\n",
      'setting "http.names" in "./settings.yaml": found "a b", allowed ' +
      "host names, separated by commas",
    ],
    [
      "tls: false\n",
      'setting "tls" in "./settings.yaml": found false, allowed a group of ' +
      "tls.certificate, tls.key, tls.client_ca, tls.client_certificates",
    ],
  ] as const
) {
  Deno.test(`settings of HTTP are refused: ${settings.trim()}`, async () => {
    assertEquals(await mistakesOf({ files: { "./settings.yaml": settings } }), [mistake]);
  });
}

Deno.test("a port is chosen by flag or environment, or by a file that differs from the default", async () => {
  const isChosen = async (world: Parameters<typeof load>[0]) =>
    (await load(world)).isChosen("http.port");
  assertEquals(await isChosen({}), false);
  assertEquals(await isChosen({ files: { "./settings.yaml": "http:\n  port: 9190\n" } }), false);
  assertEquals(await isChosen({ files: { "./settings.yaml": "http:\n  port: 9191\n" } }), true);
  assertEquals(await isChosen({ args: ["--http-port", "9190"] }), true);
  assertEquals(await isChosen({ env: { SIMPLEMQ_HTTP_PORT: "9190" } }), true);
});

Deno.test("in a program HTTP is off unless it is asked for", () => {
  const find = (options: Parameters<typeof resolveServeOptions>[0]) =>
    resolveServeOptions(options).settings.http;
  assertEquals(find({}).enabled, false);
  assertEquals(find({ http: false }).enabled, false);
  assertEquals(find({ http: { port: 0 } }), {
    enabled: true,
    host: "localhost",
    port: 0,
    names: "",
  });
  assertEquals([find({ http: true }).enabled, find({ http: {} }).enabled], [true, true]);
});
