/**
 * `cert`: what it makes is taken by TLS, and what is there is not lost.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { hostname } from "node:os";
import { parse } from "@std/yaml";
import { Authority } from "../../../src/server/certificates/authority.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { CommandUse } from "../../support/commands/command_use.ts";
import { validFor } from "../../support/certificates/test_certificates.ts";
import { TestDirectory } from "../../support/disk/journals.ts";

const PRODUCTION = new URL("../../../docs/production.md", import.meta.url);
const CERT = 'Cannot run "cert": ';
const HERE = ["--directory", "DIR"];
const NOW = Date.now();

/** Commands at this time: TLS looks at the clock. */
function begin(): CommandUse {
  const use = new CommandUse();
  use.now = NOW;
  return use;
}

function readCertificate(use: CommandUse, name: string): X509Certificate {
  return new X509Certificate(use.read(`${name}.pem`));
}

// Refused.

for (
  const [args, expected] of [
    [["a b"], [/^Cannot run "cert": found "a b", allowed a host name, such as/]],
    [["broker:9090", "https://a"], [/found "broker:9090"/, /found "https:\/\/a"/]],
    [["--days", "0"], [`${CERT}--days: found "0", allowed 1 to 3650`]],
    [["--days", "3651"], [`${CERT}--days: found "3651", allowed 1 to 3650`]],
    [["--days", "1e2"], [/--days: found "1e2"/]],
    [["--client", "../a"], [/--client: found "..\/a", allowed 1 to 128 letters, digits/]],
    [["--client", "a\0b"], [/--client: found "a\\u0000b"/]],
    [["--client", "a", "b"], [
      `${CERT}found names of machines and --client, allowed one of the two`,
    ]],
    [["--directory"], ["found nothing behind --directory, allowed <path>"]],
    [["--force"], ['found an unknown flag "--force", allowed --directory, --days, --client']],
  ] as const
) {
  Deno.test(`cert: ${JSON.stringify(args)} is refused, and nothing is made`, async () => {
    using use = begin();
    const here = args[0] === "--directory" ? [] : HERE;
    const { code, stdout, lines } = await use.run("cert", ...here, ...args);
    assertEquals([code, stdout, lines.length], [2, "", expected.length], lines.join("\n"));
    for (const [index, line] of lines.entries()) {
      const wanted = expected[index]!;
      if (typeof wanted === "string") assertEquals(line, wanted);
      else assertMatch(line, wanted);
    }
    assertEquals(use.list(), []);
  });
}

Deno.test("cert: an authority that cannot be used is told, and never replaced", async () => {
  const good = Authority.create("good", validFor(10_000));
  const other = Authority.create("other", validFor(10_000));
  const leaf = good.makeServer(["localhost"], validFor(10_000));
  for (
    const [certificate, key, message] of [
      [good.certificate, undefined, "ca.pem is there and "],
      [undefined, good.key, "ca-key.pem is there and "],
      [good.certificate, other.key, "the certificate has another key"],
      ["", good.key, "found no certificate and key in PEM"],
      [leaf.certificate, leaf.key, "the certificate is not one of an authority"],
    ] as const
  ) {
    using use = begin();
    if (certificate !== undefined) use.write("ca.pem", certificate);
    if (key !== undefined) use.write("ca-key.pem", key);
    const before = use.list();
    const { code, stdout, lines } = await use.run("cert", ...HERE);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(lines.join(), message);
    assertEquals(use.list(), before);
    for (const [name, text] of [["ca.pem", certificate], ["ca-key.pem", key]] as const) {
      if (text !== undefined) assertEquals(use.read(name), text);
    }
  }
});

Deno.test("cert: no certificate outlives its authority", async () => {
  using use = begin();
  const { certificate, key } = Authority.create("old", validFor(30));
  use.write("ca.pem", certificate);
  use.write("ca-key.pem", key);
  const { code, lines } = await use.run("cert", ...HERE);
  assertEquals(code, 2);
  assertMatch(
    lines[0]!,
    /^Cannot use the authority .*: it is valid until \d{4}-\d\d-\d\d only; allowed/,
  );
  assertEquals((await use.run("cert", ...HERE, "--days", "29")).code, 0);
});

Deno.test("cert: what cannot be written to is told", async () => {
  using use = begin();
  use.write("file", "");
  const { code, lines } = await use.run("cert", "--directory", "DIR/file");
  assertEquals(code, 2);
  assertMatch(lines.join(), /^Cannot use .*\/file: /);
});

// Done.

Deno.test("cert: an authority and a certificate for this machine and other names", async () => {
  using use = begin();
  const { code, stdout, lines } = await use.run("cert", "broker.example.com", "10.0.0.7", ...HERE);
  assertEquals(code, 0);
  assertEquals(use.list(), ["ca-key.pem", "ca.pem", "server-key.pem", "server.pem"]);
  const found = readCertificate(use, "server");
  for (const name of ["broker.example.com", "localhost", hostname().toLowerCase()]) {
    assert(found.checkHost(name) !== undefined, name);
  }
  for (const address of ["10.0.0.7", "127.0.0.1", "::1"]) {
    assert(found.checkIP(address) !== undefined, address);
  }
  assert(found.checkPrivateKey(createPrivateKey(use.read("server-key.pem"))));
  assert(found.verify(readCertificate(use, "ca").publicKey));
  assertStringIncludes(use.read("server.pem"), use.read("ca.pem").trim());
  for (const name of ["ca-key.pem", "server-key.pem"]) {
    assertEquals(use.modeOf(name, 0o600), 0o600);
  }
  assert(!(stdout + lines.join()).includes("PRIVATE KEY"));
  const [, settings = ""] = /\n\n((?: {2}.*\n)+)/.exec(stdout) ?? [];
  assertEquals(parse(settings, { schema: "core" }), {
    tls: {
      certificate: `${use.directory}/server.pem`,
      key: `${use.directory}/server-key.pem`,
    },
  });
  assertStringIncludes(stdout, "connect({ tls: { ca } })");
  assertMatch(lines.join(), /^This authority is for development: /);
});

Deno.test("cert: a certificate is renewed, by the same authority", async () => {
  using use = begin();
  await use.run("cert", ...HERE, "--days", "10");
  const [authority, key, first] = [
    use.read("ca.pem"),
    use.read("ca-key.pem"),
    readCertificate(use, "server"),
  ];
  const { stdout } = await use.run("cert", ...HERE, "--days", "20");
  assertStringIncludes(stdout, "Renewed ");
  assert(!stdout.includes("Made the authority"));
  const second = readCertificate(use, "server");
  assertEquals([use.read("ca.pem"), use.read("ca-key.pem")], [authority, key]);
  assert(second.serialNumber !== first.serialNumber);
  assertEquals(
    Math.round((Date.parse(second.validTo) - Date.parse(first.validTo)) / 86_400_000),
    10,
  );
  assert(second.checkPrivateKey(createPrivateKey(use.read("server-key.pem"))));
  assertEquals(use.list(), ["ca-key.pem", "ca.pem", "server-key.pem", "server.pem"]);
});

Deno.test("cert: a certificate that is renewed keeps the names that it had", async () => {
  using use = begin();
  const first = await use.run("cert", ...HERE, "mq.local", "10.0.0.7", "fd00::7");
  assert(!first.lines.join().includes("Kept"));
  const { code, stdout, lines } = await use.run("cert", ...HERE, "New.example", "MQ.local");
  assertEquals(code, 0);
  assertStringIncludes(lines.join("\n"), "Kept from the certificate before: 10.0.0.7, fd00::7.");
  assertMatch(stdout, /, for New\.example, MQ\.local, localhost,.* 10\.0\.0\.7, fd00::7\.\n/);
  const { subjectAltName = "" } = readCertificate(use, "server");
  assertMatch(subjectAltName, /DNS:new\.example, DNS:mq\.local, DNS:localhost.*10\.0\.0\.7/);
});

Deno.test("cert: a certificate for a client has its name", async () => {
  using use = begin();
  await use.run("cert", ...HERE);
  const server = use.read("server.pem");
  const { code, stdout } = await use.run("cert", ...HERE, "--client", "orders-app");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "client_certificates: optional");
  const found = readCertificate(use, "client-orders-app");
  assertEquals([found.subject, found.subjectAltName], ["CN=orders-app", "DNS:orders-app"]);
  assert(found.verify(readCertificate(use, "ca").publicKey));
  assertEquals(use.modeOf("client-orders-app-key.pem", 0o600), 0o600);
  assertEquals(use.read("server.pem"), server);
});

Deno.test("cert: as a process, with the permissions that docs/production.md tells", async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/certs`;
  const permissions: Record<string, string> = {
    read: `--allow-read=${path}`,
    write: `--allow-write=${path}`,
    sys: "--allow-sys=hostname",
  };
  const text = await Deno.readTextFile(PRODUCTION);
  assertStringIncludes(
    text,
    `\`${Object.values(permissions).join(" ").replaceAll(path, "certs")}\``,
  );
  const args = ["cert", "--directory", path];
  for (const missing of ["sys", "write", "read"]) {
    const { [missing]: flag, ...rest } = permissions;
    const { code, lines } = await BrokerProcess.run(args, { permissions: Object.values(rest) });
    assertEquals([code, lines.length], [2, 1], lines.join("\n"));
    assert(lines[0]!.endsWith(`is not allowed; add ${flag}`), lines[0]);
  }
  const made = await BrokerProcess.run(args, { permissions: Object.values(permissions) });
  assertEquals(made.code, 0, made.lines.join("\n"));
  assertStringIncludes(made.stdout, `Made the authority ${path}/ca.pem`);
});
