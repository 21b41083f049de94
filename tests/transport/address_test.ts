import { assertEquals } from "@std/assert";
import { formatAddress } from "../../src/transport/address.ts";

Deno.test("formatAddress() puts IPv6 addresses into brackets", () => {
  assertEquals(formatAddress("localhost", 9090), "localhost:9090");
  assertEquals(formatAddress("127.0.0.1", 0), "127.0.0.1:0");
  assertEquals(formatAddress("::1", 9090), "[::1]:9090");
});
