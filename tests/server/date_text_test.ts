// Dates as people write them.

import { assertEquals } from "@std/assert";
import { formatDate, parseDate } from "../../src/server/date_text.ts";

Deno.test("parseDate() refuses what is no date", () => {
  const texts = [
    ...["", "soon", "2027", "2027-11", "27-11-30", "2027-13-01", "2027-00-10", "2027-11-00"],
    ...["2027-02-30", "2027-02-29T12:00:00Z", "2027-04-31T12:00:00+02:00", "2027-11-30T25:00Z"],
    ...["2027-11-30T12:00:00", "2027-11-30 12:00:00Z", " 2027-11-30", "2027-11-30T12:00:00.Z"],
  ];
  for (const text of texts) assertEquals(parseDate(text), undefined, text);
});

Deno.test("parseDate() reads days, and times with a zone", () => {
  assertEquals(parseDate("2027-11-30"), Date.UTC(2027, 10, 30));
  assertEquals(parseDate("2028-02-29"), Date.UTC(2028, 1, 29));
  assertEquals(parseDate("2027-11-30T12:00Z"), Date.UTC(2027, 10, 30, 12));
  assertEquals(parseDate("2027-11-30T00:30:15.5+02:00"), Date.UTC(2027, 10, 29, 22, 30, 15, 500));
});

Deno.test("formatDate() writes what parseDate() reads, to the second", () => {
  assertEquals(formatDate(Date.UTC(2027, 10, 30, 12, 5, 6, 999)), "2027-11-30T12:05:06Z");
  assertEquals(parseDate(formatDate(1_000_000)), 1_000_000);
});
