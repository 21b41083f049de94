/**
 * The streams that replies go to.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ReplyStreams } from "../../../src/broker/replies/reply_streams.ts";
import { batchOf, textsOf } from "../../support/wire/batches.ts";
import { assertCode } from "../../support/wire/frames.ts";

/** A sink that writes down what comes. */
class Sink {
  readonly texts: string[] = [];

  deliver(batch: Parameters<typeof textsOf>[0]): void {
    this.texts.push(...textsOf(batch));
  }
}

Deno.test("ReplyStreams: a name that is taken or not allowed is BAD_REQUEST", () => {
  const streams = new ReplyStreams();
  streams.open("$reply.a", new Sink());
  for (
    const name of ["$reply.a", "", "$reply.", "orders", "$reply.a b", `$reply.${"x".repeat(122)}`]
  ) {
    assertCode("BAD_REQUEST", () => streams.open(name, new Sink()));
  }
  assertEquals(streams.count, 1);
});

Deno.test("ReplyStreams: replies come in order, to one, until it has ended", () => {
  const streams = new ReplyStreams();
  const [one, other] = [new Sink(), new Sink()];
  const stream = streams.open("$reply.one", one);
  streams.open("$reply.other", other);
  streams.reply("$reply.one", batchOf("a", "b"));
  streams.reply("$reply.other", batchOf("c"));
  streams.reply("$reply.one", batchOf("d"));
  assertEquals([one.texts, other.texts], [["a", "b", "d"], ["c"]]);
  stream.close();
  assertCode("STREAM_NOT_FOUND", () => streams.reply("$reply.one", batchOf("e")));
  assertCode("STREAM_NOT_FOUND", () => streams.reply("$reply.nobody", batchOf("e")));
  assertEquals(streams.count, 1);
});

Deno.test("ReplyStreams: a stream that has ended cannot end another one of its name", () => {
  const streams = new ReplyStreams();
  const first = streams.open("$reply.a", new Sink());
  first.close();
  const second = new Sink();
  streams.open("$reply.a", second);
  first.close();
  streams.reply("$reply.a", batchOf("still there"));
  assertEquals(second.texts, ["still there"]);
});

Deno.test("ReplyStreams: the name of a closed stream is not for another user", () => {
  const streams = new ReplyStreams();
  streams.open("$reply.a", new Sink(), "app").close();
  for (const owner of ["other", undefined]) {
    assertCode("BAD_REQUEST", () => streams.open("$reply.a", new Sink(), owner));
  }
  // However many streams others open and close, late replies are not for them.
  for (let index = 0; index < 5000; index++) {
    streams.open(`$reply.other-${index}`, new Sink(), "other").close();
  }
  assertCode("BAD_REQUEST", () => streams.open("$reply.a", new Sink(), "other"));
  streams.open("$reply.other-0", new Sink(), "app").close();
  assertCode("BAD_REQUEST", () => streams.open("$reply.other-4999", new Sink(), "app"));
  streams.open("$reply.a", new Sink(), "app");
  assertEquals(streams.count, 1);
});
