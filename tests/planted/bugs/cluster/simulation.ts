import type { PlantedBug } from "../../planted_bug.ts";

/** Worlds with windows on a log that fails. */
const WINDOWS: readonly string[] = [
  "run",
  "-A",
  "tests/engine/replicated/simulation/simulate.ts",
  "--seed",
  "1",
  "--worlds",
  "300",
  "--only",
  "windows",
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
];
