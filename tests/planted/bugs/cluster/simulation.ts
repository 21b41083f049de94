import { type PlantedBug, tests } from "../../planted_bug.ts";

/** Worlds with windows on a log that fails. */
const WINDOWS: readonly string[] = [
  "run",
  "-A",
  "tests/engine/replicated/simulation/simulate.ts",
  "--seed",
  "1",
  "--worlds",
  "600",
  "--only",
  "windows",
];

/** Worlds with whole brokers, and clients. */
const BROKERS: readonly string[] = [...WINDOWS.slice(0, -3), "60", "--only", "brokers"];

/** A world in which a broker is not answered when it hands over. */
const UNANSWERED: readonly string[] = [
  ...WINDOWS.slice(0, 3),
  ...["--seed", "5036", "--worlds", "1", "--only", "work", "--trouble-ms", "12000"],
];

/** Bugs of brokers that share a log. */
export const CLUSTER_SIMULATION_BUGS: readonly PlantedBug[] = [
  {
    what: "a record counts as soon as it is answered, whatever became of those before it",
    file: "src/engine/replicated/window.ts",
    from: "      pending.isAnswered = true;\n",
    to: "      pending.isAnswered = true;\n      pending.resolve();\n",
    found: WINDOWS,
  },
  {
    what: "the last answer of a window counts for all of it",
    file: "src/engine/replicated/window.ts",
    from: "while (this.#underWay > 0 && this.#pending[0]!.isAnswered) {",
    to: "while (this.#underWay > 0 && this.#pending[this.#underWay - 1]!.isAnswered) {",
    found: WINDOWS,
  },
  {
    what: "records of an owner count whatever their numbers are",
    file: "src/engine/replicated/chain.ts",
    from: `        head.number === this.#number + 1;
    if (!counts) return "void";
    expect(sequence, "number", head.number, isEpoch ? 0 : this.#number + 1);
    expect(sequence, "chain", head.previousCrc, this.#crc);
`,
    to: `        head.number > 0;
    if (!counts) return "void";
`,
    found: WINDOWS,
  },
  {
    what: "what another owner appended counts in an epoch",
    file: "src/engine/replicated/chain.ts",
    from: "head.epoch === this.#epoch && head.owner === this.#owner &&",
    to: "head.epoch <= this.#epoch &&",
    found: WINDOWS,
  },
  {
    what: "what is not there by an old answer will not be there later",
    file: "src/engine/replicated/window.ts",
    from:
      "    if (this.#pending.some((one) => one.openCount > 0 && one.openExpected >= tail)) return;\n",
    to: "",
    found: WINDOWS,
  },
  {
    what: "what is not there by an old answer is taken for stored once it was refused",
    file: "src/engine/replicated/window.ts",
    from: "      if (answer === undefined) return true;\n",
    to:
      "      if (answer === undefined) {\n        while (this.#pending[0]?.isAnswered) this.#countFirst(sequence, 0);\n        return true;\n      }\n",
    found: WINDOWS,
  },
  {
    what: "an epoch record is appended wherever the log ends",
    file: "src/engine/replicated/log_tail.ts",
    from:
      `      const answer = await log.append(tail, bytes).catch((error: unknown) => this.noteError(error));
      this.#requireOpen();
      if (answer === tail + 1) return sentAt;
`,
    to: `      const end = (await log.bounds()).last;
      const answer = await log.append(end, bytes).catch((error: unknown) => this.noteError(error));
      this.#requireOpen();
      if (typeof answer === "number") return sentAt;
`,
    found: WINDOWS,
  },
  {
    what: "the lease begins when an append is answered, not when it is sent",
    file: "src/engine/replicated/window.ts",
    from: "      pending.isAnswered = true;\n",
    to: "      pending.isAnswered = true;\n      pending.sentAt = this.#options.timing.now();\n",
    found: WINDOWS,
  },
  {
    what: "an active broker has its lease for as long as the others wait",
    file: "src/engine/replicated/lease.ts",
    from: "const HELD_PART = 3 / 4;",
    to: "const HELD_PART = 1.1;",
    found: WINDOWS,
  },
  {
    what: "a broker delivers without the lease",
    file: "src/engine/local_engine.ts",
    from: "    if (this.cluster === undefined || this.cluster.isServing) super.dispatch();\n",
    to: "    super.dispatch();\n",
    found: BROKERS,
  },
  {
    what: "a broker confirms without the lease",
    file: "src/engine/replicated/replicated_disk.ts",
    from: "    await log.holdLease();\n",
    to: "",
    found: BROKERS,
  },
  {
    what: "a broker that has let go keeps the lease",
    file: "src/engine/replicated/reign.ts",
    from: "const isHeld = this.#gate === undefined && lease.isHeld(now);",
    to: "const isHeld = lease.isHeld(now);",
    found: BROKERS,
  },
  {
    what: "a standby takes over without waiting for silence",
    file: "src/engine/replicated/following/standby.ts",
    from: "if (bounds !== undefined && silence.isOver(timing.now())) return bounds;",
    to: "if (bounds !== undefined) return bounds;",
    found: BROKERS,
  },
  {
    what: "a new owner goes on behind bytes that its predecessor did not finish",
    file: "src/engine/replicated/member.ts",
    from: "      position: this.#replica.position,\n",
    to: "      position: this.#chain.point.position,\n",
    found: BROKERS,
  },
  {
    what: "what an owner did not finish is not given up",
    file: "src/engine/replicated/following/replica.ts",
    from: "    this.giveUpRest();\n",
    to: "",
    found: BROKERS,
  },
  {
    what: "records are removed from the log before the trim record counts",
    file: "src/engine/replicated/replicated_disk.ts",
    from: "    for (let isNoted = false; !isNoted;) {\n",
    to: "    await log.trim(next.sequence);\n    for (let isNoted = false; !isNoted;) {\n",
    found: BROKERS,
  },
  {
    what: "a standby takes over that has read a void record in the place of one that counts",
    file: "src/engine/replicated/member.ts",
    from: "await voids.require(this.#chain) && await this.#takeOver()",
    to: "await this.#takeOver()",
    found: tests("engine/replicated/takeovers/void_records_test.ts"),
  },
  {
    what: "a log is repaired without fillers",
    file: "src/engine/replicated/following/log_repair.ts",
    from: "      await log.append(next - 1, bytes.length === 0 ? makeFiller() : bytes);\n",
    to: "      if (bytes.length === 0) continue;\n      await log.append(next - 1, bytes);\n",
    found: tests("engine/replicated/log_faults_test.ts"),
  },
  {
    what: "the index of records is not cut where own files end",
    file: "src/engine/replicated/following/own_files.ts",
    from: "  index.cut(found.entry);\n",
    to: "",
    found: BROKERS,
  },
  {
    what:
      "a broker that has let go, and was not answered, goes on before the log has said anything",
    file: "src/engine/replicated/reign.ts",
    from: "    // One that is under way may be in front of the release, and says nothing.\n",
    to: "    this.#openGate();\n",
    found: UNANSWERED,
  },
  {
    what: "a broker that has let go, and was not answered, goes on behind an earlier heartbeat",
    file: "src/engine/replicated/reign.ts",
    from: "    while (!await this.#storeBeat(this.#sealBeat())) {\n",
    to: "    for (await this.#beat(); count < 0;) {\n",
    found: tests("engine/replicated/takeovers/letting_go_test.ts"),
  },
  {
    what: "a broker goes on that has been asked once more to let go",
    file: "src/engine/replicated/reign.ts",
    from: "const isLast = () => count === this.#releaseCount && ",
    to: "const isLast = () => count > 0 && ",
    found: tests("engine/replicated/takeovers/letting_go_test.ts"),
  },
];
