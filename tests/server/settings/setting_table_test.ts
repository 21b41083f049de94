/**
 * What follows from the table of settings: names, the list of flags, the file in the repository.
 *
 * @module
 */

import { COMMANDS } from "../../../src/server/commands/command_table.ts";
import { serve } from "../../../src/server/commands/broker/serve.ts";
import { commandHelp, helpText } from "../../../src/server/commands/help_text.ts";
import { loadSettings, resolveSettings } from "../../../src/server/settings/load_settings.ts";
import { SETTING_ROWS } from "../../../src/server/settings/setting_table.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

/** The file as the table would write it. */
function writeFile(): string {
  const lines: string[] = [];
  let group: string | undefined;
  for (const { key, setting, ...row } of SETTING_ROWS) {
    if (row.group !== group && row.group !== undefined) lines.push("", `${row.group}:`);
    else if (row.group === undefined) lines.push("");
    const indent = row.group === undefined ? "" : "  ";
    const name = key.split(".").at(-1);
    lines.push(
      `${indent}# ${setting.about}.`,
      `${indent}${name}: ${setting.show(setting.initial)}`,
    );
    group = row.group;
  }
  return lines.join("\n") + "\n";
}

Deno.test("settings.yaml holds every setting with its default and what it is for", async () => {
  const content = await Deno.readTextFile(new URL("../../../settings.yaml", import.meta.url));
  const withoutHead = content.slice(content.indexOf("\n\n") + 1);
  assertEquals(withoutHead, writeFile());
  const { settings } = await loadSettings({
    args: [],
    env: () => undefined,
    defaultFile: "settings.yaml",
    readTextFile: () => Promise.resolve(content),
  });
  assertEquals(settings, resolveSettings());
});

Deno.test("the help lists every command, and that of serve every setting; both fit a terminal", () => {
  const all = helpText().split("\n");
  for (const { name, about } of COMMANDS) {
    assert(all.some((line) => line.startsWith(`  ${name} `) && line.endsWith(about)), name);
  }
  const command = COMMANDS.find(({ name }) => name === "serve")!;
  const lines = commandHelp(command, serve).split("\n");
  for (const { flag, setting } of SETTING_ROWS) {
    const index = lines.indexOf(`  --${flag} ${setting.placeholder}`.trimEnd());
    assert(index > 0, flag);
    assertStringIncludes(lines[index + 2] ?? "", `Default: ${setting.show(setting.initial)}.`);
  }
  for (const line of [...all, ...lines]) assert(line.length <= 100, line);
});

Deno.test("the names of settings are what they were when they were published", () => {
  assertEquals(SETTING_ROWS.map((row) => row.key), [
    "host",
    "port",
    "log_level",
    "log_format",
    "insecure",
    "users",
    "tls.certificate",
    "tls.key",
    "tls.client_ca",
    "tls.client_certificates",
    "http.enabled",
    "http.host",
    "http.port",
    "http.names",
    "json_lines",
    "storage.engine",
    "storage.directory",
    "storage.sync",
    "storage.sync_interval_ms",
    "storage.memory_limit",
    "cluster.name",
    "cluster.id",
    "cluster.address",
    "cluster.nats",
    "cluster.replicas",
    "cluster.lease_ms",
    "cluster.pipeline",
    "cluster.record_bytes",
    "cluster.max_bytes",
    "cluster.require_sync",
    "cluster.monitoring",
    "cluster.credentials",
    "cluster.user",
    "cluster.password_file",
    "cluster.nats_token_file",
    "cluster.tls_ca",
    "cluster.tls_certificate",
    "cluster.tls_key",
    "limits.message_bytes",
    "limits.connections",
    "limits.unacknowledged_messages",
    "limits.unacknowledged_bytes",
    "limits.outbound_bytes",
    "limits.unconfirmed_bytes",
    "heartbeat_ms",
    "heartbeat_timeout_ms",
    "handshake_timeout_ms",
    "slow_reader_timeout_ms",
    "shutdown_timeout_ms",
  ]);
  const { flag, variable } = SETTING_ROWS.find((row) => row.path === "storage.memoryLimit") ?? {};
  assertEquals([flag, variable], ["storage-memory-limit", "SIMPLEMQ_STORAGE_MEMORY_LIMIT"]);
});
