/**
 * What TypeScript infers from definitions. These tests fail when the types are checked.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  type Connection,
  defineStream,
  defineStreams,
  type Follower,
  type Message,
  type StreamDefinition,
  type TypedPublisher,
} from "@simplemq/simplemq";

const zodOrder = z.object({ pizza: z.number(), note: z.string().trim().default("none") });

const valibotOrder = v.object({ pizza: v.number(), note: v.optional(v.string(), "none") });

const arktypeOrder = type({ pizza: "number", note: "string.trim = 'none'" });

/** Whether two types are the same one. */
type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends (<T>() => T extends Other ? 1 : 2)
  ? true
  : false;

/** Compiles only with `true`. */
function expectTrue<_Claim extends true>(): void {}

interface Received {
  pizza: number;
  note: string;
}

Deno.test("types come from the schema: what goes in for publishers, what comes out for followers", () => {
  const zod = defineStream("zod", { schema: zodOrder });
  const valibot = defineStream("valibot", { schema: valibotOrder });
  const arktype = defineStream("arktype", { schema: arktypeOrder });
  type Of<Definition> = Definition extends StreamDefinition<infer In, infer Out, infer Result>
    ? [In, Out, Result]
    : never;
  expectTrue<
    Same<Of<typeof zod>, [{ pizza: number; note?: string | undefined }, Received, unknown]>
  >();
  expectTrue<
    Same<Of<typeof valibot>, [{ pizza: number; note?: string | undefined }, Received, unknown]>
  >();
  expectTrue<Same<Of<typeof arktype>[1], Received>>();
  expectTrue<Same<Of<typeof arktype>[0]["pizza"], number>>();
  const replied = defineStreams(/^sums\./, { schema: z.array(z.number()), result: v.number() });
  expectTrue<Same<Of<typeof replied>, [number[], number[], number]>>();
  assertEquals(replied.bind.routeString, "^sums\\.");
});

/** Compiled, never called. */
async function _useAll(connection: Connection): Promise<void> {
  const orders = defineStream("orders", {
    schema: zodOrder,
    result: z.object({ url: z.string() }),
  });
  const publisher = connection.publisher(orders);
  expectTrue<
    Same<typeof publisher, TypedPublisher<z.input<typeof zodOrder>, { url: string }>>
  >();
  await publisher.sendMessage({ pizza: 1 });
  await publisher.sendMessages([{ pizza: 1, note: "x" }], { key: ({ pizza }) => String(pizza) });
  // @ts-expect-error: a pizza is a number
  await publisher.sendMessage({ pizza: "1" });
  // @ts-expect-error: there has to be a pizza
  await publisher.sendMessages([{}]);
  const { body: { url } } = await publisher.request({ pizza: 1 });
  expectTrue<Same<typeof url, string>>();

  const follower = connection.follower(orders, { prefetch: 1 });
  expectTrue<Same<typeof follower, Follower<Received>>>();
  for await (const message of follower.getMessages()) {
    expectTrue<Same<typeof message, Message<Received>>>();
  }
  follower.handle(({ body }) => {
    expectTrue<Same<typeof body, Received>>();
    // @ts-expect-error: there is no such field
    body.pasta;
  }, { onError: (_, { body }) => expectTrue<Same<typeof body, Received>>() });

  // Without a definition all is as before.
  expectTrue<Same<ReturnType<typeof connection.follower<string>>, Follower<string>>>();
  connection.publisher<number>("numbers").sendMessage(1);
  // @ts-expect-error: the publisher is of numbers
  connection.publisher<number>("numbers").sendMessage("1");
}
