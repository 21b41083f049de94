import { type PlantedBug, tests } from "../planted_bug.ts";

const JOURNAL = ["test", "-A", "tests/engine/journal/suite.ts", "--filter", "Backup"];
const COMMANDS = [
  "test",
  "-A",
  "tests/server/commands/suite.ts",
  "--filter",
  "/^(backup|restore)/",
];
const TRANSFER = ["test", "-A", "tests/server/commands/suite.ts", "--filter", "/^(export|import)/"];

/** Bugs of backups: what is in them, what they hold, and what is made of them. */
export const BACKUP_BUGS: readonly PlantedBug[] = [
  {
    what: "a backup ends before what was confirmed and not flushed",
    file: "src/engine/journal/committer.ts",
    from: "    this.#waiting.last.awaiting.push(() => done(this.durable));\n    this.flush();\n",
    to: "    done(this.durable);\n",
    found: JOURNAL,
  },
  {
    what: "a backup does not hold its segments",
    file: "src/engine/journal/segments/segment_file.ts",
    from: "return this.isWaste && this.holdCount === 0;",
    to: "return this.isWaste;",
    found: JOURNAL,
  },
  {
    what: "a backup that nobody reads holds segments for ever",
    file: "src/engine/journal/backup/backups.ts",
    from: "else if (now >= endsAt)",
    to: "else if (now >= endsAt + TOTAL_MS)",
    found: JOURNAL,
  },
  {
    what: "a backup keeps a disk full",
    file: "src/engine/journal/backup/backups.ts",
    from: "if (isFull && backup.keepsWaste)",
    to: "if (isFull && backup === undefined)",
    found: JOURNAL,
  },
  {
    what: "the mark in a backup is about another position",
    file: "src/engine/journal/backup/open_backup.ts",
    from: "this.#mark = encodeClosedMark({ position, journalId });",
    to: "this.#mark = encodeClosedMark({ position: position - 1, journalId });",
    found: JOURNAL,
  },
  {
    what: "a backup is read beyond its position",
    file: "src/engine/journal/backup/open_backup.ts",
    from: "const length = Math.min(BACKUP_PIECE_BYTES_MAX, found.bytes - offset);",
    to: "const length = BACKUP_PIECE_BYTES_MAX;",
    found: JOURNAL,
  },
  {
    what: "a directory with files in it is restored to",
    file: "src/server/commands/journal/target_directory.ts",
    from: "if (!isNew) await requireEmpty(path, action);",
    to: "if (!isNew) void requireEmpty;",
    found: COMMANDS,
  },
  {
    what: "checksums of a backup are not compared",
    file: "src/server/commands/journal/restoration.ts",
    from: "return file.sha256 === sha256 ? [] :",
    to: "return file.sha256.length === sha256.length ? [] :",
    found: COMMANDS,
  },
  {
    what: "a backup without its manifest is restored",
    file: "src/server/commands/journal/restoration.ts",
    from: "if (manifest === undefined && !isUnlisted)",
    to: "if (manifest === undefined && isUnlisted)",
    found: COMMANDS,
  },
  {
    what: "a restoration that fails leaves a part of the journal",
    file: "src/server/commands/journal/restoration.ts",
    from: "    await target.abandon();\n    throw error;\n",
    to: "    throw error;\n",
    found: COMMANDS,
  },
  {
    what: "an import goes on behind a line that was refused",
    file: "src/server/commands/transfer/import.ts",
    from: "if (refused.length > 0) throw this.#refuse(refused, next);",
    to: "if (refused.length > 1000) throw this.#refuse(refused, next);",
    found: TRANSFER,
  },
  {
    what: "an import rounds long numbers",
    file: "src/server/commands/transfer/import_line.ts",
    from: "return isExact ? value : exactJson.rawJSON(source);",
    to: "return isExact || source.length > 0 ? value : exactJson.rawJSON(source);",
    found: TRANSFER,
  },
  {
    what: "a segment is removed that a backup began to hold during the flush",
    file: "src/engine/journal/segments/segment_list.ts",
    from: "this.#segments.splice(0, Math.min(count, this.countFree()));",
    to: "this.#segments.splice(0, count);",
    found: JOURNAL,
  },
  {
    what: "everybody tells stories of dead letters, and so where redrive sends them",
    file: "src/server/frames/session_publisher.ts",
    from: "checkBatch(batch, limits.bodyBytes, user.permissions.isAdmin)",
    to: "checkBatch(batch, limits.bodyBytes, user !== undefined)",
    found: tests("server/access/permitted_clients_test.ts"),
  },
  {
    what: "users who are no administrators read backups",
    file: "src/server/access/guarded_engine.ts",
    from: '    this.#requireAdmin("read a backup");\n',
    to: "",
    found: tests("server/access/matrix/matrix_test.ts"),
  },
];
