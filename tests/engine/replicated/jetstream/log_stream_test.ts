import { assertEquals } from "@std/assert";
import {
  configureStream,
  findDifference,
  nameLog,
} from "../../../../src/engine/replicated/jetstream/log_stream.ts";

const WANTED = configureStream(nameLog("test"), { replicas: 3, bytesMax: 0 });

Deno.test("log stream: messages must be allowed to be as large as records", () => {
  const find = (size: number) => findDifference(WANTED, { ...WANTED, max_msg_size: size }, 1000);
  assertEquals([-1, 1000, 8_000_000].map(find), [undefined, undefined, undefined]);
  assertEquals(find(999), "max_msg_size is 999, allowed -1, or 1000 and more");
});

Deno.test("log stream: what makes no difference is free, all else is named", () => {
  assertEquals(findDifference(WANTED, { ...WANTED, description: "ours" }), undefined);
  assertEquals(
    findDifference(WANTED, { ...WANTED, max_age: 5, mirror: {} }),
    "max_age is 5, allowed 0; mirror is set, allowed nothing",
  );
});
