import { assert, assertEquals } from "@std/assert";
import { VerifiedCertificates } from "../../src/transport/verified_certificates.ts";

Deno.test("a certificate counts as verified until it ends, and only if it was shown", () => {
  const verified = new VerifiedCertificates();
  const [one, other] = ["AB:CD", "AB:CE"] as const;
  verified.add(one, 1000);
  assert(verified.has(one, 1000));
  assert(!verified.has(one, 1001));
  assert(!verified.has(other, 0));
});

Deno.test("of ten thousand verified certificates the one shown longest ago is forgotten", () => {
  const verified = new VerifiedCertificates();
  for (let number = 0; number < 10_000; number++) verified.add(`${number}`, 1);
  verified.add("0", 1);
  verified.add("10000", 1);
  assertEquals(verified.count, 10_000);
  assertEquals([0, 1, 2, 10_000].map((number) => verified.has(`${number}`, 0)), [
    true,
    false,
    true,
    true,
  ]);
});
