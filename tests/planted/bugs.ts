/**
 * Bugs that somebody could make, each as a small change of the sources, and which tests must find it.
 *
 * @module
 */

/** A bug to be planted. */
export interface PlantedBug {
  /** What is done wrong, in words. */
  readonly what: string;
  /** The file, from the root of the project. */
  readonly file: string;
  /** What is there now, once. */
  readonly from: string;
  /** What is there with the bug. */
  readonly to: string;
  /** What has to find it: arguments of `deno`. */
  readonly found: readonly string[];
}

const JOURNAL = "src/engine/journal";

/** Random crashes; a bug that shows in one of a thousand is found. */
const SIMULATION = [
  "run",
  "-A",
  "tests/engine/journal/simulate.ts",
  "--seed",
  "1",
  "--worlds",
  "1500",
];

/** Tests of single files. */
function tests(...paths: readonly string[]): string[] {
  return ["test", "-A", ...paths.map((path) => `tests/${path}`)];
}

/** All of them. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    what: "two dedup ids, or keys, that UTF-8 cannot tell apart become one",
    file: "src/protocol/utf8.ts",
    from: "if (text.isWellFormed()) return undefined;",
    to: "if (text.length > 0) return undefined;",
    found: tests("client/publisher_test.ts"),
  },
  {
    what: "a body that UTF-8 cannot express is changed",
    file: "src/client/body.ts",
    from: "if (!body.isWellFormed()) ",
    to: "if (body.length < 0) ",
    found: tests("client/publisher_test.ts"),
  },
  {
    what: "a batch that was sent and may be stored is cut for a broker with lower limits",
    file: "src/client/outbox.ts",
    from: "const isNew = batch.sequence === 0;",
    to: "const isNew = (batch.sequence = 0) === 0;",
    found: tests("client/reconnect_test.ts"),
  },
  {
    what: "what may be stored gets a new number when its connection is lost",
    file: "src/client/outbox.ts",
    from: "if (this.#refused.length > 0) this.#forgetNumbers();",
    to: "this.#forgetNumbers();",
    found: tests("client/random_publishing_test.ts"),
  },
  {
    what: "what stands in line has no outcome when its publisher ends",
    file: "src/client/client_publisher.ts",
    from: "for (const call of this.#line.takeAll()) call.refuse(reason);",
    to: "this.#line.takeAll();",
    found: tests("client/random_publishing_test.ts"),
  },
  {
    what: "a call that has timed out is sent all the same",
    file: "src/client/confirmation.ts",
    from: 'this.#outcome = "abandoned";\n    this.#fail(error);',
    to: 'this.#outcome = "refused";\n    this.#fail(error);',
    found: tests("client/call_timeouts_test.ts"),
  },
  {
    what: "what is sent anew for a broker with lower limits overtakes what was sent before it",
    file: "src/client/outbox.ts",
    from: "other.sequence === 0 && other.ordinal > ordinal",
    to: "other.sequence === 0",
    found: tests("client/reconnect_test.ts"),
  },
  {
    what: "what a handler has finished stays in its process when that ends in the next one",
    file: "src/client/caution.ts",
    from: 'return "write";',
    to: 'return "none";',
    found: tests("client/worker_process_test.ts"),
  },
  {
    what: "an acknowledgement after its follower was closed is taken for done",
    file: "src/client/delivery_verdicts.ts",
    from: "if (!this.#owner.isClosed) return settled;",
    to: "if (this.#owner !== undefined) return settled;",
    found: tests("client/closing_test.ts"),
  },
  {
    what: "closing takes the message from the handler that works on it",
    file: "src/client/client_follower.ts",
    from: "if (this.#verdicts.held.count === 0 || this.#drain?.isOver) this.#closeNow();",
    to: "this.#closeNow();",
    found: tests("client/closing_test.ts"),
  },
  {
    what: "a loop that is left keeps its message until the connection ends",
    file: "src/client/client_follower.ts",
    from: "if (inHand) this.#verdicts.leave(inHand);",
    to: "if (inHand) inHand.verdict = undefined;",
    found: tests("client/follower_test.ts"),
  },
  {
    what: "a confirm is sent before the flush",
    file: `${JOURNAL}/proof.ts`,
    from: "await file.sync();",
    to: "file.sync().catch(() => {});",
    found: SIMULATION,
  },
  {
    what: "a failed flush is tried again",
    file: `${JOURNAL}/proof.ts`,
    from: "await file.sync();",
    to: "await file.sync().catch(() => file.sync());",
    found: SIMULATION,
  },
  {
    what: "the broker goes on after a failed flush",
    file: `${JOURNAL}/proof.ts`,
    from: "await file.sync();",
    to: "await file.sync().catch(() => {});",
    found: SIMULATION,
  },
  {
    what: "the directory is not flushed when a segment gets its name",
    file: `${JOURNAL}/segment_list.ts`,
    from: "      disk.rename(`${name}.tmp`, name);\n      await disk.sync();\n",
    to: "      disk.rename(`${name}.tmp`, name);\n",
    found: SIMULATION,
  },
  {
    what: "a segment is removed before that it is free is flushed",
    file: `${JOURNAL}/journal.ts`,
    from: "    const count = segments.countFree();\n    return () => {\n",
    to: "    return () => {\n      const count = segments.countFree();\n",
    found: SIMULATION,
  },
  {
    what: "an acknowledgement is removed before its message: segments do not go oldest first",
    file: `${JOURNAL}/segment_list.ts`,
    from:
      "    while (count < this.#segments.length - 1 && this.#segments[count]!.isFree) count++;\n",
    to: "    const { last } = this;\n" +
      "    const rank = (one: SegmentFile) => Number(!one.isFree || one === last);\n" +
      "    this.#segments.sort((one, other) => rank(one) - rank(other));\n" +
      "    while (count < this.#segments.length - 1 && this.#segments[count]!.isFree) count++;\n",
    found: SIMULATION,
  },
  {
    what: "a record's head is believed without its checksum",
    file: `${JOURNAL}/scan.ts`,
    from: "if (crc !== view.getUint32(index + 16)) return undefined;",
    to: "if (crc === -1) return undefined;",
    found: tests("engine/journal/bit_flip_test.ts"),
  },
  {
    what: "messages are believed without their checksum",
    file: `${JOURNAL}/scan.ts`,
    from: "checksum(bytes.subarray(start, bodyEnd), position, journalId) ===",
    to: "checksum(bytes.subarray(start, bodyEnd), position, journalId) <= 2 ** 32 ||\n      0 ===",
    found: tests("engine/journal/bit_flip_test.ts"),
  },
  {
    what: "checksums do not depend on the position",
    file: `${JOURNAL}/format.ts`,
    from: "Math.imul(position, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ journalId",
    to: "Math.imul(high, 0x85ebca6b) ^ journalId",
    found: tests("engine/journal/block_damage_test.ts", "engine/journal/format_test.ts"),
  },
  {
    what: "damage in the midst is taken for a torn end",
    file: `${JOURNAL}/tail.ts`,
    from: "faults: faults.filter(({ offset }) => offset < proven),",
    to: "faults: [],",
    found: tests("engine/journal/bit_flip_test.ts", "engine/journal/tail_test.ts"),
  },
  {
    what: "what follows a torn write is brought back",
    file: `${JOURNAL}/tail.ts`,
    from: "end: Math.min(size, ...torn),",
    to: "end: torn.length === 0 ? size : size,",
    found: SIMULATION,
  },
  {
    what: "what is not proven to be flushed is believed",
    file: `${JOURNAL}/recovery.ts`,
    from: "      const fault = findUnreadable(record, () => readEvents(record, add));\n",
    to: "      const fault = findUnreadable(record, () => void add);\n",
    found: SIMULATION,
  },
  {
    what: "a batch is confirmed when it is decided about",
    file: "src/broker/publishing.ts",
    from: "    this.#parts.store(\n",
    to: "    record.conclude(sent, { storedIn });\n    this.#parts.store(\n",
    found: SIMULATION,
  },
  {
    what: "a repetition is confirmed before the original is durable",
    file: "src/broker/publishing.ts",
    from: "record.recall(batch.sequence) ?? forgottenBatch(batch),",
    to: "forgottenBatch(batch),",
    found: tests("broker", "engine/journal_conformance_test.ts"),
  },
  {
    what: "ids are used again after a restart",
    file: "src/broker/broker_state.ts",
    from: "    this.skipIds(piece.number, piece.nextId);\n",
    to: "",
    found: SIMULATION,
  },
  {
    what: "a write that took a part of the bytes counts as a whole one",
    file: `${JOURNAL}/segment_file.ts`,
    from: "      written += count;\n",
    to: "      written = bytes.length;\n",
    found: SIMULATION,
  },
  {
    what: "when the disk is full, acknowledgements are dropped with the messages",
    file: `${JOURNAL}/group.ts`,
    from: "    const dropped = this.stored;\n",
    to: "    const dropped = this.stored;\n    this.#acknowledged = [];\n",
    found: tests("engine/journal/group_test.ts", "engine/journal/committer_test.ts"),
  },
  {
    what: "ids of refused messages are not given back",
    file: "src/broker/publishing.ts",
    from: "      stream.returnIds(firstId);\n",
    to: "      void firstId;\n",
    found: tests("broker", "engine/journal/committer_test.ts"),
  },
  {
    what: "what a write has left before the disk was full stays there",
    file: `${JOURNAL}/committer.ts`,
    from: "    file.truncate(size);\n",
    to: "    void size;\n",
    found: tests("engine/journal/committer_test.ts", "engine/journal/faults_test.ts"),
  },
  {
    what: "a checkpoint tells what is decided instead of what is written",
    file: "src/broker/snapshot_pieces.ts",
    from: "    if (unwritten.isCreated(stream.number)) continue;\n",
    to: "",
    found: tests("broker"),
  },
  {
    what: "that messages were worked on is not written down",
    file: "src/broker/attempt_log.ts",
    from:
      "    follower.attemptedTag = oldest.firstTag;\n    this.#write(oldest, oldest.attempts, 1);\n",
    to: "    follower.attemptedTag = oldest.firstTag;\n",
    found: tests("engine/journal/restart_test.ts", "broker"),
  },
  {
    what: "publishers' sequences are forgotten with their messages",
    file: "src/broker/broker_state.ts",
    from: "        return this.#restoration?.restorePiece(piece);\n      default:",
    to: "        return;\n      default:",
    found: SIMULATION,
  },
  {
    what: "messages that were acknowledged on their way to another place come back",
    file: "src/broker/stream.ts",
    from: "    if (here.length === 0) return;\n",
    to: "    if (place !== undefined) return backlog.move(firstId, batch, place);\n",
    found: tests("engine/journal/compactor_test.ts", "broker"),
  },
  {
    what: "two brokers use one directory",
    file: `${JOURNAL}/deno_disk.ts`,
    from: "if (!lock.tryLockSync(true)) {",
    to: "if (lock.tryLockSync(true) === undefined) {",
    found: tests("engine/journal/deno_disk_test.ts"),
  },
  {
    what: "a message that goes to the dead letters stays where it was, too",
    file: "src/broker/broker_state.ts",
    from: "if (source !== undefined) this.#forget(source, fromId, batch.count);",
    to: "if (source?.restoration === undefined) source?.forgetPending(fromId, batch.count);",
    found: tests("engine/journal/delivery_crash_test.ts"),
  },
  {
    what: "a message whose time is over is delivered if nobody has ticked",
    file: "src/broker/dispatcher.ts",
    from: "if (stream.expiries.nextAt <= now) this.#options.expire(stream, now);",
    to: "",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a message is delivered once more than it may be",
    file: "src/broker/dispatcher.ts",
    from: "run.attempts < stream.options.maxDeliveries",
    to: "run.attempts <= stream.options.maxDeliveries + 1",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "a repeated message id is confirmed before the first one is durable",
    file: "src/broker/publishing.ts",
    from: "this.#parts.settle(() => {",
    to: "queueMicrotask(() => {",
    found: tests("engine/deferred_test.ts"),
  },
  {
    what: "message ids are forgotten with the segment that has the message",
    file: "src/broker/snapshot_pieces.ts",
    from: "      yield* takeMessageIds(told, bytesMax);\n",
    to: "",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "of what went wrong with a message, only the last reason is known after a restart",
    file: "src/broker/stream_restoration.ts",
    from: "joinFailures(before?.failure, note.failure, note.newReasons)",
    to: "note.failure",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "what is known of failures is not given back when their messages are gone",
    file: "src/broker/failure_table.ts",
    from: "    this.#pool.book(-NOTE_BYTES);\n    this.#leave(note);\n",
    to: "    this.#pool.book(-NOTE_BYTES);\n",
    found: tests("broker/failure_table_test.ts"),
  },
  {
    what: "message ids of a silent stream are remembered for ever",
    file: "src/broker/awakening.ts",
    from: "  messageIds.prune(now, dedupWindowMs);\n",
    to: "",
    found: tests("broker/broker_state_test.ts"),
  },
  {
    what: "what was sent behind a refused batch overtakes it",
    file: "src/broker/publishing.ts",
    from: "if (batch.settled <= refusedFull.sequence) return refusedFull.error;",
    to: "",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "what was only fetched counts as an attempt when its follower is too slow",
    file: "src/broker/returns.ts",
    from: "if (!run.isBegun && run !== assumed) this.#giveBackUnseen(follower, run, now);",
    to: "if (run === undefined) this.#giveBackUnseen(follower, run!, now);",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "who let a delivery run out gets the next one at once",
    file: "src/broker/returns.ts",
    from: "      follower.isSuspended = true;\n      this.#doubtFirst(",
    to: "      this.#doubtFirst(",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "of who says what it begins, the oldest is taken for begun as well",
    file: "src/broker/follower.ts",
    from: "return !run.isBegun && !this.reportsBegin && run === this.pending.runs[0];",
    to: "return !run.isBegun && run === this.pending.runs[0];",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "what is only fetched runs out although handlers make progress",
    file: "src/broker/follower.ts",
    from: "const since = this.isAssumed(run) ? -Infinity : Math.max(this.lifeAt, run.deliveredAt);",
    to: "const since = run.deliveredAt;",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "an unseen message goes to the dead letters when its followers are lost again and again",
    file: "src/broker/returns.ts",
    from: "return !isDoubtful && (attempts < stream.options.maxDeliveries || stream.isDead);",
    to: "return attempts > 0 || isDoubtful === stream.isDead;",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a late acknowledgement takes a message that somebody else has",
    file: "src/broker/late_acks.ts",
    from: "for (const free of stream.takeUnheld([{ firstId, count }])) {",
    to: "for (const free of [{ firstId, count }]) {",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a late acknowledgement is believed of a stream of the same name",
    file: "src/broker/late_acks.ts",
    from: "if (this.#parts.state.router.getNumbered(number) !== stream) return 0;",
    to: "if (!this.#parts.state.router.getStream(stream.name)) return 0;",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a broker that stood still judges deadlines before it hears what came in time",
    file: "src/server/ticker.ts",
    from: "if (heard === undefined || lateMs < STALL_MS) return this.#tick();",
    to: "if (heard === undefined || lateMs > -1) return this.#tick();",
    found: tests("server/ticker_test.ts"),
  },
  {
    what: "a message that kills its followers comes back at once each time",
    file: "src/broker/returns.ts",
    from: "const LOSS_BACKOFF_MS = [0, 1000, 5000, 30_000];",
    to: "const LOSS_BACKOFF_MS = [0];",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "what is known of a failure is lost when its message is moved",
    file: "src/broker/live_run.ts",
    from: "...listFailed(number, { failed, held, returned, pending }, range),",
    to: "",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "delayed messages are ready after a restart",
    file: "src/broker/stream_restoration.ts",
    from: "for (const run of delayed) this.#delayed.add(run);",
    to: "",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "a message that has failed loses its priority",
    file: "src/broker/returns.ts",
    from: "          priority,\n",
    to: "",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a key is free as soon as its message is given back",
    file: "src/broker/stream.ts",
    from: "    this.#pendingCount -= run.count;\n    this.#ready.giveBack(run);\n",
    to: "    this.#pendingCount -= run.count;\n    this.#ready.giveBack(run);\n" +
      "    for (const freed of this.keys?.release(run) ?? []) this.#ready.giveBack(freed);\n",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "messages that wait for a key are not purged",
    file: "src/broker/stream.ts",
    from: "const parked = this.keys?.removeAll() ?? [];",
    to: "const parked: IdRange[] = [];",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "what waits for a key is not ready when the key is free",
    file: "src/broker/keys.ts",
    from: "      if (next !== undefined) freed.push(next);\n",
    to: "",
    found: tests("broker/keys_test.ts"),
  },
  {
    what: "a message that has failed holds no key after a restart",
    file: "src/broker/stream_restoration.ts",
    from: "for (const id of [...notes.keys()].sort(byNumber)) holdKey(stream, keys, id);",
    to: "",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "segments that are free are removed from the newest on",
    file: `${JOURNAL}/segment_remover.ts`,
    from: "let next = this.#waiting.shift(); next; next = this.#waiting.shift()",
    to: "let next = this.#waiting.pop(); next; next = this.#waiting.pop()",
    found: tests("engine/journal/segment_list_test.ts"),
  },
  {
    what: "segments are removed behind one that could not be removed",
    file: `${JOURNAL}/segment_remover.ts`,
    from: "    if (this.#hasFailed) return;\n",
    to: "",
    found: tests("engine/journal/segment_list_test.ts"),
  },
  {
    what: "a directory that is gone is written to for ever",
    file: `${JOURNAL}/journal.ts`,
    from: "if (lost !== undefined) committer.giveUp(new Error(lost));",
    to: "",
    found: tests("engine/journal/journal_test.ts"),
  },
  {
    what: "what was being flushed when its directory was found to be gone is confirmed",
    file: `${JOURNAL}/committer.ts`,
    from: "    if (this.#isOver) return;\n    invariant(Proof.isProof",
    to: "    invariant(Proof.isProof",
    found: tests("engine/journal/committer_test.ts"),
  },
  {
    what: "files of a directory that has come to the place of the journal's are removed",
    file: `${JOURNAL}/deno_disk.ts`,
    from: "    if (lost !== undefined) throw new Error(lost);\n",
    to: "    void lost;\n",
    found: tests("engine/journal/journal_test.ts"),
  },
  {
    what: "a group is dropped when no next segment can be opened",
    file: `${JOURNAL}/committer.ts`,
    from: "    this.#waiting.unshift(...groups);\n",
    to: "    void groups;\n",
    found: tests("engine/journal/committer_test.ts"),
  },
  {
    what: "a stream is given up as damaged when too many files are open to read it",
    file: `${JOURNAL}/journal.ts`,
    from: "      if (!(cause instanceof DescriptorShortageError)) {\n",
    to: "      if (cause !== undefined) {\n",
    found: tests("engine/journal/journal_test.ts"),
  },
  {
    what: "dead letters are lost that cannot be read just now",
    file: "src/broker/transfers.ts",
    from: "if (error instanceof StoreBusyError) return later({ firstId: id, count: endId - id });",
    to: "if (error instanceof StoreBusyError) return;",
    found: tests("engine/journal/journal_test.ts"),
  },
  {
    what: "a checkpoint of which a piece is missing is taken for a whole one",
    file: `${JOURNAL}/checkpoint_watch.ts`,
    from: "if (this.#pieceCount === count || this.#isRepaired) return undefined;",
    to: "if (this.#pieceCount <= count || this.#isRepaired) return undefined;",
    found: tests("engine/journal/checkpoint_test.ts"),
  },
  {
    what: "a checkpoint that is cut off is taken for a torn write",
    file: `${JOURNAL}/tail.ts`,
    from: "isInCheckpoint = type === RecordType.piece && !isRepaired;",
    to: "isInCheckpoint = false;",
    found: tests("engine/journal/checkpoint_test.ts"),
  },
  {
    what: "that a batch was refused is forgotten with its outcome, and it is confirmed",
    file: "src/broker/publisher_record.ts",
    from: "if (old.error !== undefined) this.leaveOut(old.sequence, old.sequence + old.count);",
    to: "void old.error;",
    found: tests("broker"),
  },
  {
    what: "what was not stored of a publisher is not in a checkpoint, and is confirmed",
    file: "src/broker/snapshot_pieces.ts",
    from: "  yield* takeGaps(record, bytesMax);\n",
    to: "",
    found: tests("broker"),
  },
  {
    what: "a publisher that was forgotten is taken for a new one",
    file: "src/broker/publisher_registry.ts",
    from: "if (mayBeForgotten) record.doubtfulUntil = sent.until;",
    to: "void mayBeForgotten;",
    found: tests("broker", "engine/memory_test.ts"),
  },
  {
    what: "that publishers were forgotten is itself forgotten in a restart",
    file: "src/broker/broker_state.ts",
    from: "        this.publishers.noteForgotten(piece.forgottenUntil ?? 0);\n",
    to: "",
    found: tests("engine/journal_conformance_test.ts"),
  },
  {
    what: "a batch of which nobody knows whether it was stored is confirmed",
    file: "src/broker/publishing.ts",
    from:
      "    if (record.isDoubtful(batch.sequence)) return refuseDoubtful(publisher, batch);\n    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);\n    const streams",
    to:
      "    if (record.isDoubtful(batch.sequence)) return repeatOutcome(publisher, batch);\n    if (record.hasSeen(batch.sequence)) return repeatOutcome(publisher, batch);\n    const streams",
    found: tests("broker"),
  },
  {
    what: "a client that receives slowly all the time is cut off",
    file: "src/transport/heartbeat.ts",
    from: "link.hasSent || link.wasTaken ||",
    to: "link.hasSent ||",
    found: tests("server/byte_budget_test.ts"),
  },
  {
    what: "a stream that is new is left out by patterns that are known",
    file: "src/broker/router.ts",
    from: "      selection.add(stream);\n",
    to: "",
    found: tests("broker/router_test.ts"),
  },
  {
    what: "what is published by pattern goes to streams that are gone",
    file: "src/broker/router.ts",
    from: "    for (const selection of this.#selections.values()) selection.remove(stream);\n",
    to: "",
    found: tests("broker/router_test.ts"),
  },
  {
    what: "a follower of very many streams gets nothing from the last ones",
    file: "src/server/session.ts",
    from: "      while (!this.isOver && !goOn()) await turn.note();\n",
    to: "",
    found: tests("server/fairness_test.ts"),
  },
  {
    what: "names of streams are forgotten that are still there",
    file: "src/server/session_streams.ts",
    from: "      if (this.#engine.hasStream(name)) continue;\n",
    to: "",
    found: tests("server/wire_test.ts"),
  },
  {
    what:
      "of streams that have seen the same message ids only the first one recognises them after a start",
    file: "src/broker/restoration.ts",
    from: "if (this.#messageIds.stream !== piece.like) return [];",
    to: "if (this.#messageIds.stream !== piece.stream) return [];",
    found: tests("broker/snapshot_pieces_test.ts", "engine/journal_conformance_test.ts"),
  },
  {
    what: "a client does not say how long ago it has sent what comes again",
    file: "src/client/outbox.ts",
    from: "sentMs: Math.ceil(sentMs) };",
    to: "sentMs: 0 };",
    found: tests("client/outgoing_batch_test.ts"),
  },
];
