import { type PlantedBug, tests } from "../../planted_bug.ts";

const CHAIN = "src/engine/replicated/chain.ts";
const LOG_TAIL = "src/engine/replicated/log_tail.ts";
const WINDOW = "src/engine/replicated/window.ts";

const CHAIN_TESTS = tests("engine/replicated/chain_test.ts");
const WINDOW_TESTS = tests("engine/replicated/window/");
const RANDOM_TESTS = tests("engine/replicated/window/window_random_test.ts");

/** Bugs of what counts in a shared log, and of who may decide. */
export const CLUSTER_RULES_BUGS: readonly PlantedBug[] = [
  {
    what: "a record of the log is confirmed by its own answer",
    file: WINDOW,
    from: "      pending.isAnswered = true;\n",
    to: "      pending.isAnswered = true;\n      pending.resolve();\n",
    found: RANDOM_TESTS,
  },
  {
    what: "the last answer of a window is taken for all before it",
    file: WINDOW,
    from: "      pending.isAnswered = true;\n",
    to: "      for (let at = 0; at <= this.#pending.indexOf(pending); at++) {\n" +
      "        this.#pending[at]!.isAnswered = true;\n      }\n",
    found: RANDOM_TESTS,
  },
  {
    what: "an answer of the log counts whatever its sequence is",
    file: WINDOW,
    from: "      if (sequence !== pending.expected + 1) return this.#doubt(false);\n",
    to: "",
    found: WINDOW_TESTS,
  },
  {
    what: "an answer of the log that comes after a doubt counts",
    file: WINDOW,
    from: "      pending.unansweredCount--;\n" +
      "      if (generation !== this.#generation) return;\n      if (sequence",
    to: "      pending.unansweredCount--;\n      if (sequence",
    found: WINDOW_TESTS,
  },
  {
    what: "after a doubt the window sends again without reading what is there",
    file: WINDOW,
    from: "      isKnown = await this.#readOn();\n",
    to: "      isKnown = true;\n",
    found: RANDOM_TESTS,
  },
  {
    what: "what found no room is rejected while it may still be stored",
    file: WINDOW,
    from:
      "    if (this.#pending.some((one) => one.openCount > 0 && one.openExpected >= tail)) return;\n",
    to: "",
    found: RANDOM_TESTS,
  },
  {
    what: "a higher epoch in the log ends nothing",
    file: WINDOW,
    from: '    if (taken.kind === "epoch") throw new FencedError(readFields(taken.body));\n',
    to: "",
    found: RANDOM_TESTS,
  },
  {
    what: "the lease runs from the answer",
    file: WINDOW,
    from: "    this.#options.lease.note(sentAt);\n",
    to: "    this.#options.lease.note(this.#options.timing.now() + 0 * sentAt);\n",
    found: RANDOM_TESTS,
  },
  {
    what: "the lease runs from the last attempt, whichever is stored",
    file: WINDOW,
    from: "      return this.#countFirst(sequence, first.firstSentAt);\n",
    to: "      return this.#countFirst(sequence, first.sentAt);\n",
    found: WINDOW_TESTS,
  },
  {
    what: "a record's buffer is used again while the log may look at it",
    file: WINDOW,
    from: "    if (pending.unansweredCount === 0) this.#buffers.giveBack(pending.buffer);\n",
    to: "    this.#buffers.giveBack(pending.buffer);\n",
    found: WINDOW_TESTS,
  },
  {
    what: "the epoch record goes to the end of the log, whatever is there",
    file: LOG_TAIL,
    from: "const answer = await log.append(tail, bytes)",
    to: "const answer = await log.append((await log.bounds()).last, bytes)",
    found: WINDOW_TESTS,
  },
  {
    what: "an old answer that nothing is there is believed",
    file: LOG_TAIL,
    from: '      if (refusal?.why === "sequence") await this.#compareEarly(tail);\n',
    to: '      if (refusal?.why === "sequence") throw refusal;\n',
    found: WINDOW_TESTS,
  },
  {
    what: "a log that was trimmed by another broker fences nobody",
    file: LOG_TAIL,
    from: "      if (first > tail + 1) throw new FencedError(undefined);\n",
    to: "",
    found: WINDOW_TESTS,
  },
  {
    what: "a shorter log is not repaired",
    file: LOG_TAIL,
    from: "      if (last < tail) await this.#repair(last, tail);\n",
    to: "",
    found: WINDOW_TESTS,
  },
  {
    what: "records of the log count without their numbers",
    file: CHAIN,
    from: "        head.number === this.#number + 1;\n",
    to: "        head.number > 0;\n",
    found: CHAIN_TESTS,
  },
  {
    what: "an epoch counts twice",
    file: CHAIN,
    from: "      ? head.epoch > this.#epoch\n",
    to: "      ? head.epoch >= this.#epoch\n",
    found: CHAIN_TESTS,
  },
  {
    what: "records of another owner count",
    file: CHAIN,
    from: " && head.owner === this.#owner &&\n",
    to: " &&\n",
    found: CHAIN_TESTS,
  },
  {
    what: "the chain of the log is not checked",
    file: CHAIN,
    from: '    expect(sequence, "chain", head.previousCrc, this.#crc);\n',
    to: "",
    found: CHAIN_TESTS,
  },
  {
    what: "a damaged record of the log is void",
    file: CHAIN,
    from: "  if (!isIntact(bytes, head)) {\n",
    to: "  if (!isIntact(bytes, head)) {\n    if (head.number !== -1) return undefined;\n",
    found: CHAIN_TESTS,
  },
  {
    what: "a gap of the log is not seen",
    file: CHAIN,
    from: "    if (sequence !== this.#sequence + 1 && !isFirst) {\n",
    to: "    if (sequence <= this.#sequence && !isFirst) {\n",
    found: CHAIN_TESTS,
  },
  {
    what: "the lease goes by a clock that can be set",
    file: "src/engine/replicated/timing.ts",
    from: "now: () => performance.now(),",
    to: "now: () => Date.now(),",
    found: tests("engine/replicated/timing_test.ts"),
  },
  {
    what: "a standby takes over while the log cannot be reached",
    file: "src/engine/replicated/following/silence.ts",
    from: "    this.#lookedAt = now;\n    this.#at = undefined;\n",
    to: "    this.#lookedAt = now;\n",
    found: tests("engine/replicated/silence_test.ts"),
  },
  {
    what: "a standby that stood still counts that time as silence",
    file: "src/engine/replicated/following/silence.ts",
    from: "    if (now - since <= this.#leaseMs / 2) this.#ms += now - since;\n",
    to: "    this.#ms += now - since;\n",
    found: tests("engine/replicated/silence_test.ts"),
  },
];
