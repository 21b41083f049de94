/**
 * What brokers of a cluster tell each other about their files.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { findDifferences, readNotes } from "../../src/broker/cluster_notes.ts";

const OWN = { usersHash: "u1", certificateHash: "c1" };

Deno.test("files that are alike are not told of", () => {
  assertEquals(findDifferences(OWN, [{ id: "b", notes: { ...OWN, page: "http://b:9190" } }]), []);
  assertEquals(findDifferences(OWN, []), []);
});

for (
  const [own, other, sentence] of [
    [OWN, { usersHash: "u2" }, "the users of broker b are not those of this one"],
    [OWN, { usersHash: "" }, "broker b has no users, this one has some"],
    [{ ...OWN, usersHash: "" }, { usersHash: "u2" }, "broker b has users, this one has none"],
    [OWN, { certificateHash: "" }, "broker b speaks without TLS, this one with it"],
    [{ ...OWN, certificateHash: "" }, {}, "broker b speaks TLS, this one does not"],
    [OWN, { certificateHash: "c2" }, "the certificate of broker b is from another authority"],
  ] as const
) {
  Deno.test(`other files are told of: ${sentence}`, () => {
    const notes = { ...OWN, usersHash: own.usersHash, ...other };
    const found = findDifferences(own, [{ id: "b", notes }]);
    assertEquals(found.map((text) => text.startsWith(sentence)), [true], found.join());
  });
}

Deno.test("what is announced is read with care: it is shown, and becomes a link", () => {
  assertEquals(readNotes({ ...OWN, page: "https://b:9190" }), { ...OWN, page: "https://b:9190" });
  const none = { usersHash: "", certificateHash: "" };
  for (const page of ["javascript:alert(1)", "b:9190", 5, "http://b/" + "x".repeat(600)]) {
    assertEquals(readNotes({ page }), none);
  }
  assertEquals(readNotes({ usersHash: 5, certificateHash: { a: 1 } }), none);
});
