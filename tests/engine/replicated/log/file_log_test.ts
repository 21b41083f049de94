import { FileLog } from "../../../support/log/file_log.ts";
import { TestDirectory } from "../../../support/disk/journals.ts";
import { logConformance } from "./log_conformance.ts";

logConformance("FileLog", async (bytesMax) => {
  const directory = await TestDirectory.create();
  const path = `${directory.path}/log`;
  return {
    // deno-lint-ignore require-await
    open: async () => FileLog.open(path, { bytesMax }),
    until: (what) => what,
    shrink: (last) => {
      const log = FileLog.open(path);
      log.cut(last);
      log.close();
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
});
