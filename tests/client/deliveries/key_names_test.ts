import { assertEquals } from "@std/assert";
import { KeyNames } from "../../../src/client/deliveries/key_names.ts";

const encoder = new TextEncoder();

/** Finds the name of a key that lies in the midst of other bytes. */
function find(names: KeyNames, stream: string, key: string): string {
  const bytes = encoder.encode(`before${key}behind`);
  return names.find(stream, bytes, 6, bytes.length - 6);
}

Deno.test("KeyNames: each key of each stream has a name of its own, however many there are", () => {
  const names = new KeyNames();
  const found = new Set<string>();
  // Many more than are kept, twice: most are made again.
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 20_000; index++) {
      const key = `customer ${index} ü`;
      const name = find(names, "orders", key);
      assertEquals(name, `${key}\norders`);
      found.add(name);
    }
  }
  assertEquals(found.size, 20_000);
});

Deno.test("KeyNames: what is no other key's beginning, or another stream's, has another name", () => {
  const names = new KeyNames();
  for (
    const [stream, key] of [["a", ""], ["a", "b"], ["a", "bc"], ["b", "b"], ["b", "ab"], [
      "b",
      "\uFEFFb",
    ]]
  ) {
    assertEquals(find(names, stream!, key!), `${key}\n${stream}`);
  }
});
