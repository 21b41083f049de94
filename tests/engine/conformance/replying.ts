/**
 * What every engine does with requests and replies.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { encodeBatch, type MessageBatch } from "../../../protocol.ts";
import { embedBatch, textsOf } from "../../support/wire/batches.ts";
import { assertCode, utf8 } from "../../support/wire/frames.ts";
import { EngineTests } from "../engine_tests.ts";

const STREAM = "$reply.3f0c";

/** A sink that writes down what comes. */
class ReplyRecorder {
  readonly texts: string[] = [];

  deliver(batch: MessageBatch): void {
    this.texts.push(...textsOf(batch));
  }
}

/** Replies to requests of one requester, whose numbers count from 1; not at the start of a buffer. */
function repliesOf(...texts: readonly string[]): MessageBatch {
  const batch = encodeBatch(
    texts.map((text, index) => ({
      kind: 1,
      headers: { by: "test" },
      body: new Uint8Array(utf8(text)),
      wishes: { request: { stream: STREAM, number: index + 1 } },
    })),
  );
  return embedBatch(batch, 7);
}

/** What an engine does with requests and replies. */
export const replyTests: EngineTests = new EngineTests();

replyTests.add("replies are passed on at once, in order, as they were", (use) => {
  const recorder = new ReplyRecorder();
  use.engine.openReplyStream(STREAM, recorder);
  for (const texts of [["a", "b"], ["c"]]) {
    const batch = repliesOf(...texts);
    use.engine.reply(STREAM, batch);
    // Its buffer is used again, as a socket's is.
    batch.buffer.fill(0xee);
  }
  assertEquals(recorder.texts, ["a", "b", "c"]);
  return Promise.resolve();
});

replyTests.add("a stream for replies needs a name of its own, and of its kind", (use) => {
  use.engine.openReplyStream(STREAM, new ReplyRecorder());
  for (const name of [STREAM, "replies", "$reply.", "$other.a", "$reply.a/b"]) {
    assertCode("BAD_REQUEST", () => use.engine.openReplyStream(name, new ReplyRecorder()));
  }
  return Promise.resolve();
});

replyTests.add("a reply to nobody is STREAM_NOT_FOUND, and its name can be taken again", (use) => {
  const [first, second] = [new ReplyRecorder(), new ReplyRecorder()];
  assertCode("STREAM_NOT_FOUND", () => use.engine.reply(STREAM, repliesOf("early")));
  const stream = use.engine.openReplyStream(STREAM, first);
  stream.close();
  assertCode("STREAM_NOT_FOUND", () => use.engine.reply(STREAM, repliesOf("late")));
  use.engine.openReplyStream(STREAM, second);
  stream.close();
  use.engine.reply(STREAM, repliesOf("again"));
  assertEquals([first.texts, second.texts], [[], ["again"]]);
  return Promise.resolve();
});

replyTests.add("streams for replies are not listed, matched, followed, or created", async (use) => {
  const recorder = new ReplyRecorder();
  use.engine.openReplyStream(STREAM, recorder);
  await use.create("orders");
  const [publisher, follower] = [use.publisher(/[$o]/), use.follower(/[$o]/)];
  await publisher.store("to all");
  assertEquals(await follower.received(1), ["orders:1×1 to all"]);
  use.engine.reply(STREAM, repliesOf("reply"));
  await use.fence();
  const names = (await use.engine.getStreams()).map(({ name }) => name);
  assertEquals(names, ["orders"]);
  assertCode("BAD_STREAM_NAME", () => use.publisher(STREAM, "forger"));
  assertCode("BAD_STREAM_NAME", () => use.follower(STREAM));
  assertEquals(recorder.texts, ["reply"]);
});

/** What a peek shows in place of an address for replies. */
const HIDDEN = { stream: "$reply.----", number: 0 };

replyTests.add(
  "the address for replies comes with every delivery, and is in no dead letter",
  async (use) => {
    await use.createWith("work", { backoffMs: [0] });
    const request = { stream: STREAM, number: 4_000_000_000 };
    await use.publisher("work").storeWished({ text: "ask", request });
    assertEquals((await use.properties("work"))[0]?.request, HIDDEN);
    const follower = use.follower("work");
    await follower.received(1);
    await follower.nack([1]);
    assertEquals(await follower.received(2), ["work:1×1 ask", "work:1×2 ask"]);
    assertEquals(follower.sink.requests, [request, request]);
    await follower.reject([2]);
    assertEquals((await use.properties("work.dead"))[0]?.request, undefined);
  },
);

/** What is left of requests when an engine ends and is opened again. */
export const replyRestartTests: EngineTests = new EngineTests();

replyRestartTests.add(
  "a request is there again after a restart, and the stream for its reply is not",
  async (use) => {
    use.engine.openReplyStream(STREAM, new ReplyRecorder());
    await use.create("work");
    const request = { stream: STREAM, number: 7 };
    await use.publisher("work").storeWished({ text: "ask", request });
    await use.restart();
    const follower = use.follower("work");
    await follower.received(1);
    assertEquals(follower.sink.requests, [request]);
    assertCode("STREAM_NOT_FOUND", () => use.engine.reply(STREAM, repliesOf("late")));
    assertEquals((await use.engine.getStreams()).map(({ name }) => name), ["work"]);
  },
);
