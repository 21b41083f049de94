/**
 * The frames that carry a JSON object: what is written is read, and wrong fields are refused.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  type ControlFrames,
  FrameType,
  readControlFrame,
  writeControlFrame,
} from "../../../protocol.ts";
import {
  errorCode,
  label,
  number32,
  number64,
  plain,
  text,
  texts,
} from "../../support/wire/arbitraries.ts";
import { assertCode, decoderOn, frameOf, roundTrip, utf8 } from "../../support/wire/frames.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

const bind = fc.record({
  routeString: text,
  bindType: fc.constantFrom("direct" as const, "regex" as const),
  ignoreCase: fc.boolean(),
}, plain);

/** Figures of an error. */
const details = fc.record({
  stream: text,
  what: fc.constantFrom("messages" as const, "bytes" as const),
  depth: number64,
  limit: number64,
  room: number64,
  retryAfterMs: number64,
  redriven: number64,
  active: text,
}, { ...plain, requiredKeys: [] });

const controlFrames: { [Name in keyof ControlFrames]: fc.Arbitrary<ControlFrames[Name]> } = {
  hello: fc.record({ client: label, capabilities: texts, token: text, standby: fc.boolean() }, {
    ...plain,
    requiredKeys: ["client", "capabilities"],
  }),
  welcome: fc.record({
    session: number64,
    user: text,
    version: text,
    engine: text,
    durability: text,
    heartbeatMs: number64,
    heartbeatTimeoutMs: number64,
    limits: fc.record({
      bodyBytes: number64,
      headerBytes: number64,
      frameBytes: number64,
      batchCount: number64,
      unacknowledgedMessages: number64,
      unacknowledgedBytes: number64,
    }, plain),
    capabilities: texts,
    progressMs: number64,
    beginMs: number64,
    brokers: texts,
  }, plain),
  brokers: fc.record({ brokers: texts }, plain),
  pong: fc.record({ version: text, problems: texts }, plain),
  goodbye: fc.record({ code: errorCode, message: text, details }, {
    ...plain,
    requiredKeys: ["message"],
  }),
  error: fc.record({
    code: errorCode,
    message: text,
    query: number32,
    publisher: number32,
    follower: number32,
    details,
  }, { ...plain, requiredKeys: ["code", "message"] }),
  openPublisher: fc.record({
    publisher: number32,
    identity: label,
    bind,
    sentUntil: number64,
    sentMs: number64,
  }, { ...plain, requiredKeys: ["publisher", "identity", "bind"] }),
  openFollower: fc.record({
    follower: number32,
    name: label,
    bind,
    messages: number32,
    bytes: number32,
  }, plain),
  openReplies: fc.record({ stream: text }, plain),
  refuse: fc.record({
    publisher: number32,
    sequence: number64,
    count: number32,
    code: errorCode,
    message: text,
    details,
  }, { ...plain, requiredKeys: ["publisher", "sequence", "count", "code", "message"] }),
  streamDeleted: fc.record({ follower: number32, stream: text }, plain),
  streamMissing: fc.record({ follower: number32, stream: text }, plain),
  streamOpen: fc.record({ follower: number32, stream: text }, plain),
  streamResumed: fc.record({ follower: number32, stream: text }, plain),
};

const controlNames = Object.keys(controlFrames) as (keyof ControlFrames)[];

for (const name of controlNames) {
  Deno.test(`${name}: decode(encode(fields)) equals fields`, () => {
    fc.assert(
      fc.property(controlFrames[name] as fc.Arbitrary<ControlFrames[typeof name]>, (fields) => {
        const decoder = roundTrip(FrameType[name], (writer) => {
          writeControlFrame(writer, name, fields);
        });
        assertEquals<unknown>(readControlFrame(decoder, name), fields);
      }),
      fuzz(60),
    );
  });
}

// Control frames with wrong fields.

/** One valid object per control frame. */
const examples: { [Name in keyof ControlFrames]: ControlFrames[Name] } = {
  hello: { client: "me", capabilities: ["one"], token: "secret", standby: true },
  welcome: {
    session: 1,
    user: "local",
    version: "0.1.0",
    engine: "memory",
    durability: "memory",
    heartbeatMs: 1,
    heartbeatTimeoutMs: 2,
    limits: {
      bodyBytes: 1,
      headerBytes: 2,
      frameBytes: 3,
      batchCount: 4,
      unacknowledgedMessages: 5,
      unacknowledgedBytes: 6,
    },
    capabilities: [],
    progressMs: 7,
    beginMs: 8,
    brokers: ["a:1"],
  },
  brokers: { brokers: ["a:1"] },
  pong: { version: "0.1.0", problems: ["why"] },
  goodbye: { code: "NOT_ACTIVE", message: "the end", details: { active: "b:1" } },
  error: { code: "BAD_FRAME", message: "why", query: 1, publisher: 2, follower: 3 },
  openPublisher: {
    publisher: 1,
    identity: "one",
    bind: { routeString: "a", bindType: "direct", ignoreCase: false },
  },
  openFollower: {
    follower: 1,
    name: "worker",
    bind: { routeString: "a", bindType: "regex", ignoreCase: true },
    messages: 1,
    bytes: 2,
  },
  openReplies: { stream: "$reply.1" },
  refuse: { publisher: 1, sequence: 2, count: 3, code: "STREAM_NOT_FOUND", message: "why" },
  streamDeleted: { follower: 1, stream: "orders" },
  streamMissing: { follower: 1, stream: "orders" },
  streamOpen: { follower: 1, stream: "orders" },
  streamResumed: { follower: 1, stream: "orders" },
};

/** What may be missing. */
const optionalFields = new Set([
  "hello.capabilities",
  "hello.token",
  "hello.standby",
  "welcome.capabilities",
  "welcome.brokers",
  "pong.problems",
  "goodbye.code",
  "goodbye.details",
  "goodbye.details.active",
  "error.query",
  "error.publisher",
  "error.follower",
  "openPublisher.bind.ignoreCase",
  "openFollower.bind.ignoreCase",
]);

/** Reads an object that came as JSON as a control frame. */
function readAs(name: keyof ControlFrames, content: unknown): unknown {
  const frame = frameOf(FrameType[name], ...utf8(JSON.stringify(content)));
  return readControlFrame(decoderOn(frame), name);
}

/** All ways to put another value into one field of an object, with the field's path. */
function* change(
  content: object,
  path: string,
  make: (value: unknown) => unknown[],
): Generator<[path: string, changed: object]> {
  for (const [key, value] of Object.entries(content)) {
    const here = `${path}.${key}`;
    for (const other of make(value)) yield [here, { ...content, [key]: other }];
    if (typeof value !== "object" || Array.isArray(value)) continue;
    for (const [inner, changed] of change(value, here, make)) {
      yield [inner, { ...content, [key]: changed }];
    }
  }
}

/** Values that are never right in place of a value of that type. */
function wrongValues(value: unknown): unknown[] {
  const all: unknown[] = [null, true, 1, -1, 1.5, 2 ** 53, "text", [], ["text"], [1], {}];
  if (typeof value === "number") return all.filter((one) => one !== 1);
  if (Array.isArray(value)) {
    return all.filter((one) => !Array.isArray(one) || typeof one[0] === "number");
  }
  if (typeof value === "boolean") return all.filter((one) => one !== true && one !== null);
  return all.filter((one) => typeof one !== typeof value || one === null || Array.isArray(one));
}

for (const name of controlNames) {
  Deno.test(`${name} with a field of a wrong type is BAD_FRAME and names the field`, () => {
    for (const [path, changed] of change(examples[name], name, wrongValues)) {
      const message = assertCode("BAD_FRAME", () => readAs(name, changed));
      const [key, object] = path.split(".").reverse();
      assert(message.includes(key!) || message.includes(object!), `${path}: ${message}`);
    }
  });

  Deno.test(`${name} without one of its fields is BAD_FRAME, unless the field is optional`, () => {
    for (const [path, changed] of change(examples[name], name, () => [undefined])) {
      if (optionalFields.has(path)) readAs(name, changed);
      else assertCode("BAD_FRAME", () => readAs(name, changed));
    }
  });

  Deno.test(`${name} may have fields that are not known yet`, () => {
    const later = { ...examples[name], later: 1, toString: "x" };
    assertEquals<unknown>(readAs(name, later), examples[name]);
  });

  Deno.test(`${name} that is not a JSON object is BAD_FRAME`, () => {
    for (const content of [null, 1, "text", [], true]) {
      assertCode("BAD_FRAME", () => readAs(name, content));
    }
  });
}

Deno.test("control frames do not take values from an object's prototype", () => {
  const content = JSON.parse('{"__proto__":{"client":"me"}}');
  const message = assertCode("BAD_FRAME", () => readAs("hello", content));
  assertStringIncludes(message, '"client"');
});

Deno.test("names in control frames have 1 to 128 characters", () => {
  for (const client of ["", "x".repeat(129)]) {
    assertCode("BAD_FRAME", () => readAs("hello", { client }));
    assertCode(
      "BAD_FRAME",
      () => readAs("openFollower", { ...examples.openFollower, name: client }),
    );
    assertCode(
      "BAD_FRAME",
      () => readAs("openPublisher", { ...examples.openPublisher, identity: client }),
    );
  }
});

Deno.test("a bind is direct or regex, and an error code is one of the table", () => {
  const bind = { routeString: "a", bindType: "glob", ignoreCase: false };
  assertCode("BAD_FRAME", () => readAs("openPublisher", { ...examples.openPublisher, bind }));
  assertCode("BAD_FRAME", () => readAs("error", { ...examples.error, code: "OOPS" }));
  assertCode("BAD_FRAME", () => readAs("refuse", { ...examples.refuse, code: "toString" }));
});

Deno.test("an error's details are an object of the figures that there are", () => {
  for (const details of [[], null, "x", { depth: "x" }, { depth: -1 }, { what: "words" }]) {
    assertCode("BAD_FRAME", () => readAs("refuse", { ...examples.refuse, details }));
    assertCode("BAD_FRAME", () => readAs("error", { ...examples.error, details }));
  }
  const details = { depth: 1, later: "version" };
  const { details: read } = readAs("refuse", { ...examples.refuse, details }) as {
    details?: unknown;
  };
  assertEquals(read, { depth: 1 });
});

Deno.test("a control frame whose JSON is broken is BAD_FRAME", () => {
  for (const fields of [[], utf8("{"), utf8("{}{}"), [0xff]]) {
    assertCode("BAD_FRAME", () => readControlFrame(decoderOn(frameOf(0x01, ...fields)), "hello"));
  }
});

Deno.test("a member's number that the binary frames cannot carry is BAD_FRAME", () => {
  for (const name of ["openPublisher", "openFollower"] as const) {
    const content = {
      publisher: 2 ** 32,
      follower: 2 ** 32,
      identity: "me",
      name: "me",
      bind: { routeString: "a", bindType: "direct", ignoreCase: false },
      messages: 1,
      bytes: 1,
    };
    const frame = frameOf(FrameType[name], ...utf8(JSON.stringify(content)));
    assertCode("BAD_FRAME", () => readControlFrame(decoderOn(frame), name));
  }
});
