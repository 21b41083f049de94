// The authorities of clients' certificates: what is still valid when they are others.

import { assertEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { Authority } from "../../../src/server/certificates/authority.ts";
import { ClientAuthorities } from "../../../src/server/certificates/client_authorities.ts";
import { validFor } from "../../support/certificates/test_certificates.ts";

const [first, second] = [1, 2].map((number) => Authority.create(`number ${number}`, validFor(30)));
const namesake = Authority.create("number 1", validFor(30));

function make(...authorities: readonly (Authority | undefined)[]): ClientAuthorities {
  return new ClientAuthorities(authorities.map((one) => one!.certificate).join("\n"));
}

/** A certificate of the first authority. */
const { raw } = new X509Certificate(first!.makeClient("app", validFor(10)).certificate);

for (
  const [what, earlier, later, isValid] of [
    ["the authorities are the same", [first], [first], true],
    ["others have come", [first], [second, first], true],
    ["another one is gone", [first, second], [first], true],
    ["its authority is gone", [first, second], [second], false],
    ["all authorities are gone", [first], [], false],
    ["another one has the name of its authority now", [first], [namesake], false],
    ["one of two with the name of its authority is gone", [namesake, first], [first], true],
    ["the other one of these is gone", [namesake, first], [namesake], false],
    ["something between it and an authority was shown", [second], [namesake], undefined],
    ["the same, and the authority is still there", [second], [second, namesake], true],
  ] as const
) {
  Deno.test(`certificates of clients: ${isValid} when ${what}`, () => {
    assertEquals(make(...later).accepts(raw, make(...earlier)), isValid);
  });
}
