// FUZZ_SEED=12345 deno test -A … sends the same lines again, FUZZ_RUNS=100 a hundred times as many.

import { assert, assertEquals } from "@std/assert";
import { ERROR_CODES, type ErrorCode } from "../../../protocol.ts";
import type { BrokerServer, PartialSettings } from "../../../server.ts";
import { expectOnlyPair, withPair } from "../../support/broker/broker.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import {
  ackLine,
  type BrokerLine,
  cursorLine,
  giveMeLine,
  LineClient,
  publishLine,
} from "../../support/wire/line_client.ts";
import { Random } from "../../support/random.ts";

const encoder = new TextEncoder();

/** Lines that a client could say. A pattern that is mutated may match the stream of the others: `^` does. */
function makeLines(random: Random, isMutated: boolean): string {
  const stream = random.pick(["a", "b", "nowhere", "a b"]);
  const target = random.pick([stream, stream, isMutated ? stream : /^[ab]$/]);
  return random.pick([
    () => cursorLine("CREATE_STREAM", random.pick(["a", "b"])),
    () => cursorLine(random.pick(["GET_STREAMS", "GET_PELS"])),
    () => cursorLine("GET_STREAM", stream),
    () => cursorLine("GET_PEL", random.pick(["fol1", "fol2"])),
    () => publishLine(target, random.pick(["1", '"\\u044f"', '{"a":[1.0,null]}', "[]"])),
    () => giveMeLine(target, random.pick(["fol1", "fol2"])),
    () => ackLine(target, random.below(5)),
  ])();
}

/** Changes bytes, leaves some out, doubles some; the first byte stays. */
function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  const at = 1 + random.below(bytes.length - 1);
  const count = 1 + random.below(20);
  const [before, piece, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, at + count),
    bytes.subarray(at + count),
  ];
  const noise = Uint8Array.from({ length: count }, () => random.below(256));
  return new Uint8Array(
    random.pick([
      () => [...before, ...noise, ...after],
      () => [...before, ...after],
      () => [...before, ...piece, ...piece, ...after],
      () => [...before, ...noise, ...piece, ...after],
      () => [...before, ...encoder.encode(random.pick(['"', "{", "}", "\\", ":", "\n", "[", ","]))],
    ])(),
  );
}

/** Says some lines, most of them mutated, and checks that what comes back is lines. */
async function talk(random: Random, broker: BrokerServer, codes: Set<ErrorCode>): Promise<void> {
  let times = random.below(4);
  const lines = Array.from({ length: 1 + random.below(8) }, () => makeLines(random, times > 0));
  let bytes: Uint8Array = encoder.encode(lines.join(""));
  for (; times > 0; times--) bytes = mutate(random, bytes);
  await using client = await LineClient.connect(broker.port);
  for (let sent = 0; sent < bytes.length;) {
    const end = random.chance(0.5) ? bytes.length : sent + 1 + random.below(bytes.length);
    await client.send(bytes.slice(sent, end));
    sent = end;
  }
  if (random.chance(0.2)) return;
  await client.closeWrite();
  let isOver = false;
  for (let text = await client.nextText(); text !== undefined; text = await client.nextText()) {
    assert(!isOver, `${text} comes behind a fatal error`);
    const { error, sender_type, id } = JSON.parse(text) as BrokerLine;
    if (error === undefined) {
      assertEquals([sender_type, typeof id], ["SERVER", "number"]);
      continue;
    }
    assert(error.code !== "INTERNAL_ERROR", text);
    codes.add(error.code);
    isOver = ERROR_CODES[error.code].fatal;
  }
}

Deno.test("whatever is said behind a {, the broker answers in lines and goes on", async () => {
  const { seed, numRuns } = fuzz(150);
  const random = new Random(seed);
  const codes = new Set<ErrorCode>();
  const settings: PartialSettings = { limits: { messageBytes: 1000 } };
  try {
    await withPair(settings, async (broker) => {
      for (let run = 0; run < numRuns; run++) {
        await Promise.all(Array.from({ length: 4 }, () => talk(random, broker, codes)));
      }
      await expectOnlyPair(broker);
    });
  } catch (cause) {
    throw new Error(`FUZZ_SEED=${seed}`, { cause });
  }
  // Or too little was tried.
  for (const code of ["BAD_FRAME", "BAD_REQUEST", "STREAM_NOT_FOUND"] as const) {
    assert(codes.has(code), `${code} never came: FUZZ_SEED=${seed}`);
  }
});
