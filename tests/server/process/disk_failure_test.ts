/**
 * A broker whose disk fails, as a process: it confirms nothing more and ends with its own exit code,
 * and when it is started again everything is there that was confirmed.
 *
 * @module
 */

import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { connect, type Connection } from "../../../client.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { TestDirectory } from "../../support/disk/journals.ts";

/** Nothing waits for so long in a test that passes, in milliseconds. */
const PATIENCE_MS = 20_000;

/**
 * No file may have more than 20 or 40 MiB: the reserve fits, and the journal's first segment soon does
 * not. A program that ignores the signal gets an error from the write instead. Shells count in blocks of
 * 512 bytes here, and in such of 1024 there.
 */
const LIMIT_FILES = "trap '' XFSZ; ulimit -f 40960";

/** Publishes as long as the broker confirms; the texts that it has confirmed are noted. */
async function publish(port: number, confirmed: string[]): Promise<Connection> {
  const connection = await connect({ port });
  await connection.cursor().createStream("orders");
  const publisher = connection.publisher("orders");
  const filling = "x".repeat(500_000);
  const next = (number: number) => {
    publisher.sendMessage(`${number} ${filling}`).then(() => {
      confirmed.push(String(number));
      next(number + 1);
    }, () => {});
  };
  next(1);
  return connection;
}

Deno.test({
  name: "a write that fails ends the broker with exit code 3, and nothing confirmed is lost",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await TestDirectory.create();
    const flags = ["--storage-directory", directory.path];
    await using failing = await BrokerProcess.listen(flags, { before: LIMIT_FILES });
    const confirmed: string[] = [];
    const publishing = await publish(failing.port, confirmed);
    const { code, lines } = await failing.waitForEnd();
    await publishing.close();
    assertEquals(code, 3);
    assertStringIncludes(lines.join("\n"), "nothing can be made durable any more");
    assertGreater(confirmed.length, 0);
    await using again = await BrokerProcess.listen(flags);
    await using connection = await connect({ port: again.port });
    const found = new Set<string>();
    const { ready } = await connection.cursor().getStream("orders");
    const follower = connection.follower("orders");
    for await (const message of follower.getMessages()) {
      found.add(String(message.body).split(" ")[0]!);
      await message.ack();
      if (found.size === ready) break;
    }
    await deadline(follower.close(), PATIENCE_MS);
    assertEquals(confirmed.filter((number) => !found.has(number)), []);
  },
});

Deno.test({
  name:
    "a data directory that is removed under a broker ends it with exit code 3, in a second or so",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await TestDirectory.create();
    const data = `${directory.path}/data`;
    await using broker = await BrokerProcess.listen(["--storage-directory", data]);
    const connection = await connect({ port: broker.port });
    await connection.cursor().createStream("orders");
    await connection.publisher("orders").sendMessage("stored");
    await Deno.remove(data, { recursive: true });
    const { code, lines } = await broker.waitForEnd();
    assertEquals(code, 3);
    assertStringIncludes(
      lines.join("\n"),
      `the broker ends: the directory ${data} was removed or replaced`,
    );
    await connection.close();
    // Nothing of it was made again, where another broker may begin.
    await assertRejects(() => Deno.stat(data), Deno.errors.NotFound);
  },
});
