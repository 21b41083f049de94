import { assertRejects, assertStringIncludes } from "@std/assert";
import { startBroker } from "../../support/broker/broker.ts";
import { takeOne } from "../support.ts";

Deno.test("an option that there is not is refused, and does nothing", async () => {
  await using broker = await startBroker();
  await using connection = await broker.connect();
  const cursor = connection.cursor();
  await cursor.createStream("work");
  const publisher = connection.publisher("work");
  await publisher.sendMessage(1);
  const follower = connection.follower("work");
  const message = await takeOne(follower);
  const slip = (name: string) => ({ [name]: 1 }) as object;
  const calls: [call: () => unknown, what: string][] = [
    [() => connection.publisher("work", slip("timeoutms")), "open a publisher|timeoutMs"],
    [() => connection.follower("work", slip("prefech")), "open a follower|prefetch"],
    [() => follower.getMessages(slip("autoack")), "get messages|autoAck"],
    [() => message.ack(slip("confrim")), "acknowledge|confirm"],
    [() => message.nack(slip("delay")), "nack|delayMs"],
    [() => message.reject("never", slip("confrim")), "reject|confirm"],
    [() => message.release(slip("confrim")), "release|confirm"],
    [() => publisher.close(slip("drainms")), "close|drainMs"],
    [() => follower.close(slip("drain")), "close|drainMs"],
    [() => connection.close(slip("sginal")), "close|signal"],
    [() => cursor.createStream("work", {}, slip("ifDiferent")), 'create stream "work"|ifDifferent'],
    [() => cursor.peek("work", slip("form")), "peek|from"],
    [() => cursor.redrive("work", slip("limt")), "redrive|limit"],
    [() => publisher.flush(slip("sginal")), "flush|signal"],
    [() => cursor.updateStream("work", {}, slip("sginal")), "call updateStream|signal"],
    [() => cursor.pauseStream("work", slip("sginal")), "call pauseStream|signal"],
    [() => cursor.resumeStream("work", slip("sginal")), "call resumeStream|signal"],
    [() => cursor.purgeStream("work", slip("sginal")), "call purgeStream|signal"],
    [() => cursor.deleteStream("work", slip("sginal")), "call deleteStream|signal"],
    [() => cursor.getStream("work", slip("sginal")), "call getStream|signal"],
    [() => cursor.getStreams(slip("sginal")), "call getStreams|signal"],
    [() => cursor.getPels(slip("sginal")), "call getPels|signal"],
    [() => cursor.getPel("one", slip("sginal")), "call getPel|signal"],
    [() => cursor.releasePel("one", slip("sginal")), "call releasePel|signal"],
    [() => cursor.getMessage("work", 1, slip("sginal")), "call getMessage|signal"],
    [() => cursor.putSchedule("work", slip("crno") as never), 'put schedule "work"|cron'],
    [() => cursor.getSchedules(slip("sginal")), "call getSchedules|signal"],
    [() => cursor.deleteSchedule("work", slip("sginal")), "call deleteSchedule|signal"],
    [() => cursor.pauseSchedule("work", slip("sginal")), "call pauseSchedule|signal"],
    [() => cursor.resumeSchedule("work", slip("sginal")), "call resumeSchedule|signal"],
    [() => cursor.setLane("work", "ann", {}, slip("sginal")), 'set lane "ann" of "work"|signal'],
    [() => cursor.getLanes("work", slip("limt")), 'get the lanes of "work"|limit'],
    [() => cursor.putLimit("api", {}, slip("sginal")), 'put limit "api"|signal'],
    [() => cursor.getLimits(slip("sginal")), "get the limits|signal"],
    [() => cursor.explain("work", slip("sginal")), "call explain|signal"],
  ];
  for (const [call, what] of calls) {
    const [action, meant] = what.split("|");
    const error = await assertRejects(async () => await call(), TypeError, `Cannot ${action}: `);
    assertStringIncludes(error.message, `is ${meant} meant?`);
  }
  await message.ack({ confirm: true });
  await publisher.sendMessage(2);
});
