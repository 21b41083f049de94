// The names that a client's certificate gives it.

import { assertEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { Authority } from "../../../src/server/certificates/authority.ts";
import { bits, DerTag, element, objectId, sequence } from "../../../src/server/certificates/der.ts";
import { readPeerNames } from "../../../src/server/certificates/peer_names.ts";
import { Buffer } from "node:buffer";
import { validFor } from "../../support/certificates/test_certificates.ts";

const authority = Authority.create("names", validFor(2));

function namesOf(name: string, names?: readonly string[]): string[] {
  const { certificate } = authority.makeClient(name, validFor(1), names);
  return readPeerNames(new X509Certificate(certificate).raw);
}

Deno.test("readPeerNames() reads the common name, and all alternative names", () => {
  assertEquals(namesOf("Orders App ü"), ["Orders App ü"]);
  assertEquals(namesOf("orders-app"), ["orders-app"]);
  assertEquals(namesOf("a", ["b.example.com", "10.0.0.7", "fd00:0:0::7"]), [
    "a",
    "b.example.com",
    "10.0.0.7",
    "fd00::7",
  ]);
});

Deno.test("readPeerNames() takes a name as a whole, whatever is in it", () => {
  assertEquals(namesOf("a, DNS:admin"), ["a, DNS:admin"]);
  assertEquals(namesOf("a/CN=admin"), ["a/CN=admin"]);
  assertEquals(namesOf("a\nCN=admin\0"), ["a\nCN=admin\0"]);
  assertEquals(namesOf("\ufeffadmin"), ["\ufeffadmin"]);
});

/** The outline of a certificate, as far as names are read. */
function outline(subject: Buffer, ...names: Buffer[]): Uint8Array {
  const extension = sequence(
    objectId("2.5.29.17"),
    element(DerTag.octets, sequence(...names)),
  );
  // Nobody knows what is in the extensions of others.
  const foreign = sequence(
    objectId("1.2.3.4"),
    element(DerTag.octets, Buffer.from("\x04\x7fno DER")),
  );
  const parts = [element(DerTag.integer, Uint8Array.of(1)), sequence(), sequence(), sequence()];
  const body = sequence(...parts, subject, sequence(), element(0xa3, sequence(foreign, extension)));
  return sequence(body, sequence(), bits(Uint8Array.of(0)));
}

function attribute(id: string, text: string, tag: number = DerTag.text): Buffer {
  return element(DerTag.set, sequence(objectId(id), element(tag, Buffer.from(text))));
}

Deno.test("readPeerNames() takes no common name if there are several", () => {
  const twice = sequence(attribute("2.5.4.3", "one"), attribute("2.5.4.3", "two"));
  assertEquals(readPeerNames(outline(twice)), []);
  const once = sequence(attribute("2.5.4.10", "an organization"), attribute("2.5.4.3", "one"));
  assertEquals(readPeerNames(outline(once)), ["one"]);
});

Deno.test("readPeerNames() reads mail addresses and URIs, and leaves other kinds of names out", () => {
  const names = readPeerNames(outline(
    sequence(),
    element(0x81, Buffer.from("app@example.com")),
    element(0x86, Buffer.from("spiffe://example.com/app")),
    element(0xa0, Buffer.from("other")),
    element(0x82, Buffer.from("a.example.com")),
    element(0x82, Buffer.from("a.example.com")),
  ));
  assertEquals(names, ["app@example.com", "spiffe://example.com/app", "a.example.com"]);
});

Deno.test("readPeerNames() reads the texts of older authorities, and none that are no UTF-8", () => {
  assertEquals(readPeerNames(outline(sequence(attribute("2.5.4.3", "one", 0x13)))), ["one"]);
  assertEquals(readPeerNames(outline(sequence(attribute("2.5.4.3", "one", 0x1e)))), []);
});
