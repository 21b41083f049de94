/**
 * The metrics with programs that read them: promtool checks them and the alerts, and a real Prometheus
 * scrapes a broker at work and finds what the dashboard asks for. Where the servers of Debian cannot be
 * reached, all of this is skipped, with a sentence that `.ci/run` knows. Whatever else goes wrong fails.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { type BrokerServer, serve } from "../../server.ts";
import { createToken, hashToken } from "../../src/server/access/users/token.ts";
import { TestCertificates } from "../support/certificates/test_certificates.ts";
import { serveSeated } from "../support/cluster/seated_broker.ts";
import { TestSeat } from "../support/cluster/test_seat.ts";
import { fetchPackage } from "./debian_package.ts";
import { Load } from "./load.ts";
import { OPS, Prometheus } from "./prometheus.ts";

const folder = await Deno.makeTempDir({ prefix: "debian-" });
const missing = await fetchPackage("prometheus", folder);
// deno-lint-ignore no-console
if (missing !== undefined) console.log(`Nothing is tested here: ${missing}`);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const PROMTOOL = `${folder}/usr/bin/promtool`;
const PROMETHEUS = `${folder}/usr/bin/prometheus`;
const ignore = missing !== undefined;

/** Runs promtool; fails with what it says. */
async function check(args: readonly string[], input = ""): Promise<string> {
  const process = new Deno.Command(PROMTOOL, {
    args: [...args],
    cwd: new URL("prometheus/", OPS),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await output;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  return text;
}

/** A panel of the dashboard. */
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

async function readDashboard(): Promise<{ panels: readonly Panel[]; schemaVersion: number }> {
  return JSON.parse(await Deno.readTextFile(new URL("grafana/simplemq.json", OPS)));
}

/** An expression of the dashboard, as Grafana would ask it. */
function fillIn(expression: string): string {
  return expression.replaceAll("$__rate_interval", "5m").replaceAll(/\$(stream|instance)/g, ".*");
}

/** Scrapes until rates are known, and checks that everything asks for something that is there. */
async function checkScrapes(prometheus: Prometheus): Promise<void> {
  for (const job of ["simplemq", "simplemq-streams"]) {
    await prometheus.waitFor(`${job} was scraped three times`, async () => {
      const [found] = await prometheus.query(`sum_over_time(up{job="${job}"}[5m])`);
      return Number(found?.value[1]) >= 3;
    });
  }
  await prometheus.waitFor(
    "all rules were evaluated",
    async () => (await prometheus.getRules()).every(({ health }) => health !== "unknown"),
  );
  for (const { name, health } of await prometheus.getRules()) assertEquals(health, "ok", name);
}

const JOURNAL = { port: 0, http: { port: 0 }, logLevel: "error" } as const;

async function startJournal(directory: string): Promise<BrokerServer> {
  return await serve({ ...JOURNAL, storage: { directory } });
}

Deno.test(
  { name: "promtool finds no fault with the metrics of a broker at work", ignore },
  async () => {
    const directory = await Deno.makeTempDir();
    {
      await using broker = await startJournal(directory);
      await using _load = new Load({ port: broker.port });
      const origin = `http://localhost:${broker.http!.port}`;
      for (const path of ["/metrics", "/metrics/streams", "/metrics/streams?match=none"]) {
        const text = await (await fetch(`${origin}${path}`)).text();
        assertGreater(text.length, 1000);
        assertEquals(await check(["check", "metrics"], text), "", path);
      }
    }
    await Deno.remove(directory, { recursive: true });
  },
);

Deno.test({ name: "promtool takes the configuration and the alerts", ignore }, async () => {
  await check(["check", "config", "prometheus.yaml"]);
  await check(["check", "rules", "alerts.yaml"]);
});

Deno.test({ name: "each alert fires when it should, and only then", ignore }, async () => {
  await check(["test", "rules", "alerts_test.yaml"]);
  const names = (text: string) => new Set(text.match(/(?<=alert(name)?: )SimpleMQ\w+/g));
  const read = (name: string) => Deno.readTextFile(new URL(`prometheus/${name}`, OPS));
  assertEquals(names(await read("alerts_test.yaml")), names(await read("alerts.yaml")));
});

Deno.test({ name: "Prometheus finds all that the dashboard asks for", ignore }, async () => {
  const directory = await Deno.makeTempDir();
  {
    // In a cluster, so that it has all of them.
    await using broker = await serveSeated(new TestSeat(), { storage: { directory } });
    await using _load = new Load({ port: broker.port });
    await using prometheus = await Prometheus.start(PROMETHEUS, { port: broker.http!.port });
    await checkScrapes(prometheus);
    const { panels, schemaVersion } = await readDashboard();
    assertEquals(schemaVersion, 42);
    const expressions = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, fillIn(expr)] as const)
    );
    assertGreater(expressions.length, 50);
    for (const [title, expression] of expressions) {
      const found = await prometheus.query(expression);
      assert(found.length > 0, `${title}: ${expression} finds nothing`);
      const isNumber = found.some(({ value }) => Number.isFinite(Number(value[1])));
      assert(isNumber, `${title}: ${expression} finds no number`);
    }
    const [dead] = await prometheus.query('sum(simplemq_dead_messages_total{stream="mails"})');
    assertGreater(Number(dead?.value[1]), 0);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test({ name: "Prometheus scrapes over HTTPS with the token of a user", ignore }, async () => {
  using made = new TestCertificates();
  const { certificateFile: certificate, keyFile: key } = made.makeServer();
  const token = createToken();
  const users = `${made.directory}/users.yaml`;
  const watcher = `{ tokens: [{ sha256: "${hashToken(token)}" }], permissions: { metrics: true } }`;
  await Deno.writeTextFile(users, `users:\n  prometheus: ${watcher}\n`, { mode: 0o600 });
  const storage = { engine: "memory" } as const;
  await using broker = await serve({ ...JOURNAL, storage, users, tls: { certificate, key } });
  await using connection = await broker.connect();
  await connection.cursor().createStream("orders");
  const secure = { ca: made.ca, token };
  await using prometheus = await Prometheus.start(PROMETHEUS, { port: broker.http!.port, secure });
  await checkScrapes(prometheus);
  const [ready] = await prometheus.query('simplemq_ready_messages{stream="orders"}');
  assertEquals(ready?.value[1], "0");
  const [expiry] = await prometheus.query("simplemq_certificate_expiry_timestamp_seconds - time()");
  assertGreater(Number(expiry?.value[1]), 0);
  const firing = await prometheus.query('ALERTS{alertname="SimpleMQCertificate"}');
  assertEquals(firing.length, 1, "a certificate for ten days ends soon");
});
