/**
 * What a broker of a cluster tells the others of its files: alike where clients see no difference.
 *
 * @module
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import { makeNotes } from "../../src/program/cluster_notes.ts";
import { UsersWatch } from "../../src/server/access/users/users_watch.ts";
import { markAuthorities } from "../../src/server/certificates/authority_mark.ts";
import { startFromProgram } from "../../src/server/settings/start_settings.ts";
import { resolveServeOptions } from "../../src/server/settings/serve_options.ts";
import { TestCertificates } from "../support/certificates/test_certificates.ts";

const HTTP = { enabled: true, host: "0.0.0.0", port: 9190, names: "" };

async function hashOf(text: string): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(path, text, { mode: 0o600 });
  const { settings } = resolveServeOptions({ users: path });
  const users = await UsersWatch.open(startFromProgram(settings), () => {});
  const { hash } = users!;
  await users!.close();
  await Deno.remove(path);
  return hash;
}

Deno.test("users are the same in another order and with comments, and not with another token", async () => {
  const user = (letter: string) => `{ tokens: [{ sha256: ${letter.repeat(64)} }] }`;
  const one = await hashOf(`users:\n  ann: ${user("a")}\n  bob: ${user("b")}\n`);
  assertEquals(await hashOf(`# hi\nusers:\n  bob: ${user("b")}\n  ann: ${user("a")}\n`), one);
  assertNotEquals(await hashOf(`users:\n  ann: ${user("a")}\n  bob: ${user("c")}\n`), one);
  const more = `users:\n  ann: ${user("a")}\n  bob: ${user("b")}\nanonymous: { publish: [x] }\n`;
  assertNotEquals(await hashOf(more), one);
});

Deno.test("certificates of one authority are alike; another one of the same name is not", () => {
  using made = new TestCertificates();
  using other = new TestCertificates();
  const a = made.makeServer({ names: ["a.example"] });
  const b = made.makeServer({ names: ["b.example"] });
  const mark = markAuthorities(a);
  assertEquals(markAuthorities(b), mark);
  assertNotEquals(markAuthorities(other.makeServer()), mark);
  assertNotEquals(markAuthorities({ ...a, clientCa: made.ca }), mark);
  const both = `${made.ca}\n${other.ca}`;
  assertEquals(
    markAuthorities({ ...a, clientCa: both }),
    markAuthorities({ ...b, clientCa: `${other.ca}\n${made.ca}` }),
  );
  // A file that has the authority itself, too, is no other one.
  const whole = `${a.certificate}\n${made.ca}`;
  assertEquals(markAuthorities({ ...a, certificate: whole }), mark);
});

Deno.test("the page is told of where others reach it", () => {
  const base = { users: undefined, certificates: undefined, httpPort: () => 9190 };
  const page = (http: Partial<typeof HTTP>, address: string) =>
    makeNotes({ ...base, http: { ...HTTP, ...http }, address })().page;
  assertEquals(page({}, "a.example:9090"), "http://a.example:9190/");
  assertEquals(page({}, "[fe80::1]:9090"), "http://[fe80::1]:9190/");
  assertEquals(page({ host: "localhost" }, "localhost:9091"), "http://localhost:9190/");
  assertEquals(page({ host: "localhost" }, "a.example:9090"), undefined);
  const certificates = { authorityMark: "m" };
  const notes = makeNotes({
    ...base,
    certificates,
    users: { hash: "u" },
    http: HTTP,
    httpPort: () => undefined,
    address: "a:1",
  });
  assertEquals(notes(), { usersHash: "u", certificateHash: "m" });
});
