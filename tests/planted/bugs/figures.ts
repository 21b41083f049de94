import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of what is counted, and of the times at which messages were stored. */
export const FIGURES_BUGS: readonly PlantedBug[] = [
  {
    what: "what is acknowledged late is in no total",
    file: "src/broker/rules/late_acks.ts",
    from: "this.#parts.acknowledge(share.store, firstId, count);",
    to: 'this.#parts.commit({ type: "acknowledged", number, firstId, count });',
    found: tests("engine/model/model_test.ts"),
  },
  {
    what: "what expires counts as dropped, too",
    file: "src/broker/rules/dead_letters.ts",
    from: "return this.#removal.forgetExpired(share.store, run);",
    to: "return this.#removal.forget(share.store, run);",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "the totals of all streams fall when one is deleted",
    file: "src/broker/store/store_counters.ts",
    from: "this.#published += count;\n    this.#sum?.notePublished(count);",
    to: "this.#published += count;",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "the age leaves out messages that wait for their keys",
    file: "src/broker/share/share.ts",
    from: "const parked = this.keys?.firstParkedId;",
    to: "const parked = undefined;",
    found: tests("engine/memory_test.ts"),
  },
  {
    what: "a message that is moved to the end of the journal is as old as the move",
    file: "src/engine/journal/compactor.ts",
    from:
      'this.#moveBatch({ type: "moved", number, firstId: id, storedAt: listTimes(done), batch });',
    to: 'this.#moveBatch({ type: "moved", number, firstId: id, batch });',
    found: tests("engine/journal/moved_times_test.ts"),
  },
  {
    what: "an earlier client is told of times that it does not know",
    file: "src/server/frames/session_follower.ts",
    from: "storedAt: tellsTimes ? storedAt : undefined,",
    to: "storedAt: tellsTimes || storedAt.length > 0 ? storedAt : undefined,",
    found: tests("server/frames/wire_times_test.ts"),
  },
  {
    what: "the figures of all streams are told to a user who may see one",
    file: "src/server/access/guarded_engine.ts",
    from: 'throw notForSessions("counters");',
    to: "return this.#engine.counters;",
    found: tests("server/access/guarded_engine_test.ts"),
  },
];
