/**
 * Broker and client run with the permissions that docs/production.md tells, and with one fewer they say in a
 * line which flag to add.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { nameMissingFlag } from "../../../src/server/process/start_error.ts";
import { readSystemFile } from "../../../src/server/system_file.ts";
import { connect } from "../../../client.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { Town } from "../../support/broker/town.ts";
import { TestDirectory } from "../../support/disk/journals.ts";

const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** The file that the broker finds where the README tells to start it. */
const settings = Deno.readTextFileSync(new URL("../../../settings.yaml", import.meta.url));

/** What docs/production.md tells that a broker needs, for a directory. */
function permissionsFor(path: string): Record<string, string> {
  return {
    env: "--allow-env=SIMPLEMQ_*",
    read: `--allow-read=settings.yaml,users.yaml,${path}`,
    write: `--allow-write=${path}`,
    sys: "--allow-sys=statfs",
    net: "--allow-net=localhost",
  };
}

/** A client that sends a message and takes it. */
function clientOf(port: number): string {
  return `
    import { connect } from "@simplemq/simplemq";
    const connection = await connect({ port: ${port} }).catch(({ message }) => {
      console.log(message);
      Deno.exit(2);
    });
    await connection.cursor().createStream("a");
    await connection.publisher("a").sendMessage("hello");
    for await (const message of connection.follower("a").getMessages()) {
      console.log(message.body);
      await message.ack();
      break;
    }
    await connection.close();
  `;
}

async function runClient(path: string, port: number, ...permissions: string[]) {
  const script = `${path}/client.ts`;
  await Deno.writeTextFile(script, clientOf(port));
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-lock", "--no-check", "--config", CONFIG]
      .concat(permissions, script),
    env: { NO_COLOR: "1" },
    stderr: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout).trim() };
}

Deno.test("docs/production.md tells these permissions", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/production.md", import.meta.url));
  const { net, env, read, write, sys } = permissionsFor("data");
  const network = `${net}:9090,localhost:9190 ${env!.replace("SIMPLEMQ_*", "'SIMPLEMQ_*'")}`;
  assertStringIncludes(text, `\`${network} ${read} ${write} ${sys}\``);
  assertStringIncludes(text, `\`${network} --allow-read=settings.yaml,users.yaml\``);
});

Deno.test("a broker and a client run with the permissions that they need, and no others", async () => {
  await using directory = await TestDirectory.create();
  await using other = await TestDirectory.create();
  const { path } = directory;
  const permissions = Object.values(permissionsFor(path));
  const flags = ["--storage-directory", path, "--http", "--http-port", "0"];
  await using broker = await BrokerProcess.listen(flags, { permissions, settings });
  const [, http] = /http=(\S+)/.exec(broker.lines.join("\n")) ?? [];
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  assertStringIncludes(metrics, "simplemq_ready_messages 0\n");
  const client = await runClient(other.path, broker.port, `--allow-net=localhost:${broker.port}`);
  assertEquals(client, { code: 0, text: "hello" });
  const refused = await runClient(other.path, broker.port);
  assertEquals(refused.code, 2);
  assertStringIncludes(refused.text, `Requires net access to "localhost:${broker.port}"`);
  assertStringIncludes(refused.text, "--allow-net");
  broker.kill("SIGTERM");
  const { code, lines } = await broker.waitForEnd();
  assertEquals([code, lines.filter((line) => / (warning|error) /.test(line))], [0, []]);
  assertEquals(
    (await BrokerProcess.run(["verify", path], { permissions: ["--allow-read"] })).code,
    0,
  );
});

for (const missing of ["env", "read", "write", "sys", "net"]) {
  Deno.test(`a broker that lacks the permission ${missing} says which flag to add, and ends with code 2`, async () => {
    await using directory = await TestDirectory.create();
    const { path } = directory;
    const { [missing]: _, ...rest } = permissionsFor(path);
    const { code, lines } = await BrokerProcess.run(
      ["--port", "0", "--storage-directory", path],
      { permissions: Object.values(rest), settings },
    );
    const said = lines.filter((line) => line.trim() !== "");
    assertEquals([code, said.length], [2, 1], said.join("\n"));
    assertStringIncludes(said[0]!, `; add --allow-${missing}=`);
  });
}

Deno.test("a broker with TLS and users runs with the permissions for their files, and no others", async () => {
  await using directory = await TestDirectory.create();
  await using town = await Town.open();
  using certificates = new TestCertificates();
  const { certificateFile, keyFile } = certificates.makeServer();
  const { path } = directory;
  const { read, write, ...others } = permissionsFor(path);
  const used = town.users.replace(".yaml", ".last-used.json");
  const permissions = [
    ...Object.values(others),
    `${read},${[town.users, used, `${used}.tmp`, certificateFile, keyFile].join(",")}`,
    `${write},${used},${used}.tmp`,
  ];
  const tls = ["--tls-certificate", certificateFile, "--tls-key", keyFile];
  const flags = [
    "--storage-directory",
    path,
    "--users",
    town.users,
    "--log-level",
    "debug",
    ...tls,
  ];
  await using broker = await BrokerProcess.listen(flags, { permissions, settings });
  const { port } = broker;
  const { token } = town;
  {
    await using connection = await connect({ port, token, tls: { ca: certificates.ca } });
    await connection.cursor().createStream("pulse");
    await connection.publisher("pulse").sendMessage("hello");
  }
  broker.kill("SIGTERM");
  const { code, lines } = await broker.waitForEnd();
  assertEquals([code, lines.filter((line) => line.includes("is not allowed"))], [0, []]);
  assertEquals((await Deno.stat(used)).isFile, true, "the use of the token is noted");
});

Deno.test("a directory that cannot be made durable for lack of a permission is not made", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/data`;
  const { code, lines } = await BrokerProcess.run(
    ["--port", "0", "--storage-directory", path],
    { permissions: Object.values(permissionsFor(path)), settings },
  );
  assertEquals(code, 2);
  assertStringIncludes(lines.join("\n"), `Cannot create ${path}: `);
  assertStringIncludes(lines.join("\n"), "create it yourself, or add --allow-read");
  assertEquals(await Array.fromAsync(Deno.readDir(directory.path)), []);
});

Deno.test("a file of the system is read if that is allowed, and nobody is asked for it", () => {
  const asked: string[] = [];
  const readTextFileSync = (path: string) => {
    asked.push(path);
    if (path === "/missing") throw new Deno.errors.NotFound(path);
    return "text";
  };
  const read = (path: string, state: Deno.PermissionState) => {
    const permissions = { querySync: () => ({ state }) as Deno.PermissionStatus };
    return readSystemFile(path, { permissions, readTextFileSync });
  };
  // Reading what is not allowed yet asks at the terminal, and waits.
  assertEquals([read("/proc/a", "prompt"), read("/proc/a", "denied")], [undefined, undefined]);
  assertEquals(asked, []);
  assertEquals([read("/proc/a", "granted"), read("/missing", "granted")], ["text", undefined]);
  assertEquals(asked, ["/proc/a", "/missing"]);
});

Deno.test("nameMissingFlag() changes only what Deno says of permissions", () => {
  const said = 'Cannot use ./data: Requires write access to "./data", run again with the ' +
    "--allow-write flag";
  assertEquals(
    nameMissingFlag(said),
    'Cannot use ./data: write access to "./data" is not allowed; add --allow-write=./data',
  );
  assertEquals(
    nameMissingFlag(said.replace('"./data"', '"./data/LOCK"')),
    'Cannot use ./data: write access to "./data/LOCK" is not allowed; add --allow-write=./data',
  );
  const variable = (name: string) =>
    nameMissingFlag(`Requires env access to "${name}", run again with the --allow-env flag`);
  assertStringIncludes(variable("SIMPLEMQ_PORT"), "add --allow-env='SIMPLEMQ_*'");
  assertStringIncludes(variable("HOME"), "add --allow-env=HOME");
  const two = ["a", "b"].map((file) =>
    `Requires read access to "${file}", run again with the --allow-read flag`
  );
  assertStringIncludes(nameMissingFlag(two.join("; ")), "add --allow-read=a; read access to");
  assertStringIncludes(nameMissingFlag(two.join("; ")), "add --allow-read=b");
  assertEquals(nameMissingFlag("the port is taken"), "the port is taken");
});
