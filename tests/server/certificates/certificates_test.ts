// Certificates in use: they are read again when their files change, and warn of their end.

import { assert, assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { Certificates } from "../../../src/server/certificates/certificates.ts";
import { Log } from "../../../src/server/log.ts";
import { takeTime } from "../../support/broker/pace.ts";
import { TestCertificates, validFor } from "../../support/certificates/test_certificates.ts";

const DAY_MS = 86_400_000;

/** Certificates in use, and what the log says of them. */
class Use implements Disposable {
  readonly made: TestCertificates = new TestCertificates();
  readonly lines: string[] = [];
  readonly #log = new Log({ level: "info", write: (line) => this.lines.push(line) });

  async open(days = 30): Promise<Certificates> {
    const { certificateFile, keyFile } = this.made.makeServer({ validity: validFor(days) });
    const paths = { certificate: certificateFile, key: keyFile };
    return await Certificates.open(paths, this.#log, Date.now());
  }

  /** The lines about something. */
  count(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length;
  }

  [Symbol.dispose](): void {
    this.made[Symbol.dispose]();
  }
}

function serialOf(certificate: string): string {
  return new X509Certificate(certificate).serialNumber;
}

Deno.test("Certificates.look() reads new files when they have stayed for one look", async () => {
  using use = new Use();
  const certificates = await use.open();
  const { serial } = certificates;
  await certificates.look(Date.now());
  assertEquals(use.lines, []);
  const renewed = use.made.makeServer({ validity: validFor(60) });
  await certificates.look(Date.now());
  assertEquals(certificates.serial, serial, "files may be changing still");
  await certificates.look(Date.now());
  assertEquals(certificates.serial, serialOf(renewed.certificate));
  assertEquals(use.count("the certificate is renewed"), 1);
  assertGreater(certificates.status.expiresAt, Date.now() + 59 * DAY_MS);
  assertEquals(certificates.status.problem, undefined);
  await certificates.look(Date.now());
  assertEquals(use.lines.length, 1);
});

Deno.test("a pair of which only one file was replaced yet is not even warned of", async () => {
  using use = new Use();
  const certificates = await use.open();
  const next = use.made.authority.makeServer(["localhost"], validFor(40));
  const { key: oldKey } = use.made.write("kept", next);
  const old = await Deno.readTextFile(`${use.made.directory}/server-key.pem`);
  assertNotEquals(old, oldKey);
  use.made.write("server", { certificate: next.certificate, key: old });
  await certificates.look(Date.now());
  use.made.write("server", next);
  await certificates.look(Date.now());
  await certificates.look(Date.now());
  assertEquals(use.count("cannot renew"), 0);
  assertEquals(certificates.serial, serialOf(next.certificate));
});

Deno.test("the old pair in place of one that does not fit is not told as a new certificate", async () => {
  using use = new Use();
  const certificates = await use.open();
  const read = (end: string) => Deno.readTextFile(`${use.made.directory}/server${end}.pem`);
  const old = { certificate: await read(""), key: await read("-key") };
  const other = use.made.authority.makeServer(["localhost"], validFor(40));
  use.made.write("server", { certificate: other.certificate, key: old.key });
  for (let count = 0; count < 2; count++) await certificates.look(Date.now());
  use.made.write("server", old);
  for (let count = 0; count < 2; count++) await certificates.look(Date.now());
  assertEquals(use.count("the certificate is renewed"), 0);
  assertEquals(use.count("the certificate is the same as before"), 1);
  assertEquals(certificates.status.problem, undefined);
});

Deno.test("a pair that does not fit keeps the old one, with one warning for each change", async () => {
  using use = new Use();
  const certificates = await use.open();
  const { serial } = certificates;
  const { expiresAt } = certificates.status;
  const other = use.made.authority.makeServer(["localhost"], validFor(40));
  const key = await Deno.readTextFile(`${use.made.directory}/server-key.pem`);
  for (let change = 1; change <= 2; change++) {
    use.made.write("server", { certificate: other.certificate, key });
    for (let count = 0; count < 5; count++) await certificates.look(Date.now());
    assertEquals(use.count("cannot renew the certificate, the old one stays in use"), change);
  }
  assertEquals(certificates.serial, serial);
  assertEquals(certificates.status.expiresAt, expiresAt);
  assert(certificates.status.problem?.includes("the key of another certificate"));
  use.made.write("server", other);
  for (let count = 0; count < 2; count++) await certificates.look(Date.now());
  assertEquals(certificates.serial, serialOf(other.certificate));
  assertEquals(certificates.status.problem, undefined);
});

Deno.test("files that are gone, or open to others, keep the old pair", async () => {
  using use = new Use();
  const certificates = await use.open();
  await Deno.remove(`${use.made.directory}/server.pem`);
  for (let count = 0; count < 3; count++) await certificates.look(Date.now());
  assert(certificates.status.problem?.includes("found no such file"));
  use.made.makeServer();
  await Deno.chmod(`${use.made.directory}/server-key.pem`, 0o644);
  for (let count = 0; count < 3; count++) await certificates.look(Date.now());
  assert(certificates.status.problem?.includes("everybody may use"));
  await Deno.chmod(`${use.made.directory}/server-key.pem`, 0o600);
  for (let count = 0; count < 2; count++) await certificates.look(Date.now());
  assertEquals(certificates.status.problem, undefined);
});

Deno.test("files behind links that are replaced are noticed, as Kubernetes does it", async () => {
  using use = new Use();
  const { made } = use;
  const link = `${made.directory}/current`;
  const [one, two] = [made.makeServer({ file: "one" }), made.makeServer({ file: "two" })];
  const publish = ({ certificateFile, keyFile }: typeof one) => {
    const next = `${link}.next`;
    Deno.mkdirSync(`${certificateFile}.d`);
    Deno.renameSync(certificateFile, `${certificateFile}.d/tls.crt`);
    Deno.renameSync(keyFile, `${certificateFile}.d/tls.key`);
    Deno.symlinkSync(`${certificateFile}.d`, next);
    Deno.renameSync(next, link);
  };
  publish(one);
  const paths = { certificate: `${link}/tls.crt`, key: `${link}/tls.key` };
  const certificates = await Certificates.open(paths, new Log({ level: "error" }), Date.now());
  assertEquals(certificates.serial, serialOf(one.certificate));
  publish(two);
  for (let count = 0; count < 2; count++) await certificates.look(Date.now());
  assertEquals(certificates.serial, serialOf(two.certificate));
});

Deno.test("a certificate that is not valid yet is taken when it is, though no file changes", async () => {
  using use = new Use();
  const certificates = await use.open();
  const from = new Date(Math.ceil(Date.now() / 1000) * 1000 + DAY_MS);
  const next = use.made.makeServer({ validity: { from, until: validFor(60).until } });
  for (let count = 0; count < 3; count++) await certificates.look(Date.now());
  assert(certificates.status.problem?.includes("not valid before"));
  await certificates.look(from.getTime() - 1);
  assertNotEquals(certificates.serial, serialOf(next.certificate));
  await certificates.look(from.getTime());
  assertEquals(certificates.serial, serialOf(next.certificate));
  assertEquals(certificates.status.problem, undefined);
});

Deno.test("the end of a certificate is warned of once, and told once", async () => {
  using use = new Use();
  const certificates = await use.open(20);
  const { expiresAt } = certificates.status;
  let now = 1000;
  const tend = (date: number) => certificates.tend(now += 1000, date);
  tend(expiresAt - 15 * DAY_MS);
  assertEquals(use.lines, []);
  for (let days = 14; days > 0; days--) tend(expiresAt - days * DAY_MS + 1);
  assertEquals(use.count("the certificate ends soon"), 1);
  assertEquals(certificates.status.problem, undefined);
  for (let days = 0; days < 3; days++) tend(expiresAt + days * DAY_MS + 1);
  assertEquals(use.count("the certificate has ended"), 1);
  assert(certificates.status.problem?.startsWith("it ended at"));
  await certificates.look(expiresAt);
});

Deno.test("Certificates.open() warns of a certificate that ends soon", async () => {
  using use = new Use();
  await use.open(13);
  assertEquals(use.count("the certificate ends soon"), 1);
});

Deno.test("Certificates.tend() looks twice a second, however often it is called", async () => {
  using _ = takeTime();
  using use = new Use();
  const certificates = await use.open();
  assertEquals(certificates.tend(1000, Date.now()), 1500);
  assertEquals(certificates.tend(1499, Date.now()), 1500);
  await certificates.look(Date.now());
  assertEquals(certificates.tend(1500, Date.now()), 2000);
  await certificates.look(Date.now());
});
