/**
 * A broker with a place in a cluster, as a process: its first argument is what it knows of its cluster, each
 * line of standard input a change of that, as JSON. It prints the port of its page, and a line when the lead
 * is handed over.
 *
 * @module
 */

import { serveSeated } from "./seated_broker.ts";
import { TestSeat } from "./test_seat.ts";

/** A seat that prints what becomes of it. */
class PrintingSeat extends TestSeat {
  override handOver(): Promise<void> {
    print("handed over");
    return super.handOver();
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const seat = new PrintingSeat(JSON.parse(Deno.args[0]!));
const options = { storage: { engine: "memory" } } as const;
let broker = await serveSeated(seat, options);
const { port } = broker.http!;
let isOver = false;
goOn();
print(String(port));
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) seat.set(JSON.parse(line));
}
isOver = true;
await broker.close();

/** A broker that has handed the lead over begins anew in its process, as the program does. */
function goOn(): void {
  void broker.closed.then(async () => {
    if (isOver) return;
    broker = await serveSeated(seat, { ...options, http: { port } });
    goOn();
  });
}
