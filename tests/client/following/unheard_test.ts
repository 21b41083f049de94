/**
 * Calls of publishers that fail while nobody waits for them, each in a process of its own, which ends
 * if nobody else hears of it; and calls that somebody waits for, in one that does not end.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { startBroker } from "../../support/broker/broker.ts";

const PROGRAM = new URL("./unheard_program.ts", import.meta.url).pathname;

/** What happens to a process in which a call fails, by who waits for the call. */
const orders: [who: string, error?: string][] = [
  ["a handler before it fails"],
  ["a handler in the turn in which it fails"],
  ["a handler behind a call that fails at once"],
  ["a signal, and a handler"],
  ["flush() waits"],
  ["flush() comes behind calls that fail at once"],
  ["close() waits"],
  ["the connection's close() waits"],
  ["the connection's close() waits for a handler"],
  ["nobody", 'BrokerError: Cannot publish to "nowhere"'],
  ["nobody, with a signal", 'BrokerError: Cannot publish to "nowhere"'],
  ["nobody, and it fails at once", "TypeError: Cannot publish"],
  ["flush() of another publisher", 'BrokerError: Cannot publish to "nowhere"'],
];

Deno.test("a call that fails while nobody waits for it ends the process, and no other one does", async () => {
  await using broker = await startBroker();
  const run = async (...whos: string[]) => {
    const args = ["run", "-A", "--no-check", PROGRAM, String(broker.port), ...whos];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    const [said, text] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, said: said!.trim().split("\n"), text: text! };
  };
  const heard = orders.filter(([, error]) => error === undefined).map(([who]) => who);
  const { code, said, text } = await run(...heard);
  assertEquals([code, said], [0, heard], text);
  for (const [who, error] of orders) {
    if (error === undefined) continue;
    const { code, text } = await run(who);
    assertEquals(code, 1, `${who}: ${text}`);
    assertStringIncludes(text, "Uncaught (in promise)");
    assertStringIncludes(text, error);
  }
});
