// Clients that do not come through the handshake: each gets a clear error or an end, and nobody else notices.

import { assertStringIncludes } from "@std/assert";
import { type ErrorCode, FrameType, MAGIC } from "../../../protocol.ts";
import { HANDSHAKE_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { expectOnlyPair, withPair } from "../../support/broker/broker.ts";
import { frameOf, utf8 } from "../../support/wire/frames.ts";
import { helloBytes, RawClient } from "../../support/wire/raw_client.ts";
import { join, textFrame } from "./bad_input.ts";

/** Bytes that follow from a number, as wild as random ones. */
function scramble(count: number): Uint8Array {
  let state = 0x9e3779b9;
  return Uint8Array.from({ length: count }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 1;
    return state >>> 24;
  });
}

interface Stranger {
  readonly what: string;
  readonly says: Uint8Array;
  readonly code: ErrorCode;
  readonly tells: string;
}

const strangers: readonly Stranger[] = [
  {
    what: "random bytes",
    says: scramble(5000),
    code: "BAD_MAGIC",
    tells: "begins with SMQ",
  },
  {
    what: "an HTTP query",
    says: new Uint8Array(utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
    code: "BAD_MAGIC",
    tells: "SimpleMQ protocol",
  },
  {
    what: "the beginning of TLS",
    says: new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    code: "BAD_MAGIC",
    tells: "the client speaks TLS, this port does not",
  },
  {
    what: "another version",
    says: join(new Uint8Array([...MAGIC.subarray(0, 3), 1]), helloBytes().subarray(4)),
    code: "UNSUPPORTED_VERSION",
    tells: "version is 1, the broker's is 2",
  },
  {
    what: "something else than a hello",
    says: join(MAGIC, frameOf(FrameType.heartbeat)),
    code: "HANDSHAKE_EXPECTED",
    tells: "the first frame is heartbeat, not hello",
  },
  {
    what: "an unknown frame instead of a hello",
    says: join(MAGIC, frameOf(0xee)),
    code: "HANDSHAKE_EXPECTED",
    tells: "0xee",
  },
  {
    what: "a frame without a type",
    says: join(MAGIC, new Uint8Array(4)),
    code: "BAD_FRAME",
    tells: "it has no type",
  },
  {
    what: "more than 8 KiB before the handshake is complete",
    says: join(
      MAGIC,
      textFrame(FrameType.hello, `{"client":"${"x".repeat(HANDSHAKE_BYTES_MAX)}"}`),
    ),
    code: "FRAME_TOO_LARGE",
    tells: "limit is 8192",
  },
  {
    what: "an announcement of 4 GiB",
    says: join(MAGIC, new Uint8Array([255, 255, 255, 255, FrameType.hello])),
    code: "FRAME_TOO_LARGE",
    tells: "4294967295 bytes",
  },
  {
    what: "a hello that is no JSON",
    says: join(MAGIC, textFrame(FrameType.hello, "{'client':'me'}")),
    code: "BAD_FRAME",
    tells: "its JSON cannot be parsed",
  },
  {
    what: "a hello that is no UTF-8",
    says: join(MAGIC, frameOf(FrameType.hello, 0x22, 0xc3, 0x22)),
    code: "BAD_FRAME",
    tells: "not UTF-8",
  },
  {
    what: "a hello that is a list",
    says: join(MAGIC, textFrame(FrameType.hello, "[]")),
    code: "BAD_FRAME",
    tells: "a JSON object is expected",
  },
  {
    what: "a hello without a name",
    says: join(MAGIC, textFrame(FrameType.hello, "{}")),
    code: "BAD_FRAME",
    tells: '"client" must be a string',
  },
  {
    what: "a hello with a name that is too long",
    says: join(MAGIC, textFrame(FrameType.hello, JSON.stringify({ client: "x".repeat(129) }))),
    code: "BAD_FRAME",
    tells: "1 to 128 characters",
  },
  {
    what: "a hello with wrong capabilities",
    says: join(MAGIC, textFrame(FrameType.hello, '{"client":"me","capabilities":[1]}')),
    code: "BAD_FRAME",
    tells: "a list of strings",
  },
];

for (const { what, says, code, tells } of strangers) {
  Deno.test(`a stranger: ${what} is answered with ${code}, then the connection ends`, () =>
    withPair({}, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      assertStringIncludes((await client.expectFatalError(code)).message, tells);
      await expectOnlyPair(broker);
    }));
}

Deno.test("a stranger: the largest hello is welcome", () =>
  withPair({}, async (broker) => {
    await using client = await RawClient.connect(broker.port);
    const rest = HANDSHAKE_BYTES_MAX - 1 - '{"client":"me","x":""}'.length;
    const hello = textFrame(FrameType.hello, `{"client":"me","x":"${"x".repeat(rest)}"}`);
    await client.send(join(MAGIC, hello));
    await client.expect("welcome");
  }));

for (
  const [what, says] of [
    ["nothing", new Uint8Array()],
    ["half of the magic", MAGIC.subarray(0, 2)],
    ["the magic only", MAGIC],
    ["half a hello", helloBytes().subarray(0, 12)],
  ] as const
) {
  Deno.test(`a stranger: ${what}, and then silence, ends with HANDSHAKE_TIMEOUT`, () =>
    withPair({ handshakeTimeoutMs: 100 }, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      const { message } = await client.expectFatalError("HANDSHAKE_TIMEOUT");
      assertStringIncludes(message, "within 100 ms");
      await expectOnlyPair(broker);
    }));

  Deno.test(`a stranger: ${what}, and then the end, leaves nothing behind`, () =>
    withPair({}, async (broker) => {
      await using client = await RawClient.connect(broker.port);
      await client.send(says);
      client.close();
      await expectOnlyPair(broker);
    }));
}
