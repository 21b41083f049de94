/**
 * Attacks a broker process for as long as one likes, and checks that its memory stays flat, that it reports
 * no fault, and that a publisher and a follower who work there meanwhile are hardly disturbed.
 *
 * ```text
 * deno task test:attack [--seconds 60] [--count 100000] [--seed N]
 * ```
 *
 * Each kind of attack ends when it has its share of the time, or of the count. The last line has the
 * verdict. Exit code 1 if anything is wrong, 2 for wrong arguments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print, tell } from "../../../bench/harness/print.ts";
import { readResidentBytes } from "../../../bench/harness/process/process_meter.ts";
import { BrokerProcess } from "../../support/broker/broker_process.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { helloBytes } from "../../support/wire/raw_client.ts";
import { Arsenal, recordTlsHello } from "./arsenal.ts";
import { Pulse } from "./pulse.ts";
import { type Attack, manyAddresses, Slowloris, storm } from "./storm.ts";
import { Town } from "../../support/broker/town.ts";

/** How much the memory of the broker may grow between the first and the last round, in bytes. */
const GROWTH_MAX = 64 * 1024 * 1024;

/** How much longer 99 of 100 messages may take at most, and what is not counted, in milliseconds. */
const P99_RATIO_MAX = 20;
const P99_FLOOR_MS = 50;

/** The rounds; the first one warms everything up. */
const ROUNDS = 3;

/** What can be asked for. */
interface Flags {
  readonly seconds: number;
  readonly count: number;
  readonly seed: number;
}

/** One kind of attack. */
interface Kind {
  readonly name: string;
  readonly make: () => Attack;
}

/** A broker under attack. */
class Siege {
  readonly #flags: Flags;
  readonly #broker: BrokerProcess;
  readonly #pulse: Pulse;
  readonly #kinds: readonly Kind[];
  readonly #makeAddress = manyAddresses();
  readonly #mistakes: string[] = [];
  readonly #counts = new Map<string, number>();

  constructor(flags: Flags, broker: BrokerProcess, pulse: Pulse, kinds: readonly Kind[]) {
    this.#flags = flags;
    this.#broker = broker;
    this.#pulse = pulse;
    this.#kinds = kinds;
  }

  /** Attacks in rounds; resolves to what went wrong. */
  async run(): Promise<readonly string[]> {
    this.#pulse.takeP99();
    await rest(2000);
    const calm = this.#pulse.takeP99().p99;
    tell(`calm: 99 of 100 messages take ${calm.toFixed(1)} ms`);
    const memory: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      for (const kind of this.#kinds) await this.#attack(kind, calm);
      await rest(2000);
      memory.push(readResidentBytes(this.#broker.pid) ?? 0);
      tell(`round ${round}: the broker has ${Math.round(memory.at(-1)! / 2 ** 20)} MiB`);
    }
    const growth = memory.at(-1)! - memory[0]!;
    if (growth > GROWTH_MAX) this.#mistakes.push(`its memory has grown by ${growth} bytes`);
    const faults = this.#broker.lines.filter((line) => line.split(" ")[1] === "error");
    if (faults.length > 0) this.#mistakes.push(`it reports faults: ${faults[0]}`);
    const kinds = Map.groupBy(this.#broker.lines, (line) => line.slice(25).replace(/ \w+=.*/s, ""));
    for (const [kind, lines] of kinds) tell(`log: ${lines.length} times ${kind}`);
    const counts = [...this.#counts].map(([name, count]) => `${name} ${count}`).join(", ");
    tell(`${counts}; ${this.#broker.lines.length} lines of log; grown by ${growth} bytes`);
    return this.#mistakes;
  }

  async #attack({ name, make }: Kind, calm: number): Promise<void> {
    const share = ROUNDS * this.#kinds.length;
    const end = performance.now() + this.#flags.seconds * 1000 / share;
    const countMax = this.#flags.count / ROUNDS;
    const front = { port: this.#broker.port, makeAddress: this.#makeAddress };
    const count = await storm(front, make, (count) => {
      return count >= countMax || performance.now() > end;
    });
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
    const { p99, count: sent } = this.#pulse.takeP99();
    tell(`${name}: ${count} attacks, ${sent} messages meanwhile, p99 ${p99.toFixed(1)} ms`);
    if (p99 > Math.max(calm, P99_FLOOR_MS) * P99_RATIO_MAX) {
      this.#mistakes.push(`${name}: 99 of 100 messages take ${p99} ms, without it ${calm} ms`);
    }
  }
}

/** Lets the broker rest. */
function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Attacks a broker without TLS, and one with it; returns what went wrong. */
async function attack(flags: Flags): Promise<string[]> {
  const tlsHello = await recordTlsHello();
  const arsenal = new Arsenal(flags.seed, tlsHello);
  const wrongToken = () => ({ bytes: helloBytes("x", `smq_${"B".repeat(43)}`) });
  const plain: readonly Kind[] = [
    { name: "handshakes", make: () => ({ bytes: arsenal.handshake() }) },
    { name: "frames", make: () => arsenal.frames() },
    { name: "lines", make: () => ({ bytes: arsenal.line() }) },
    { name: "connections", make: () => ({ bytes: new Uint8Array(0) }) },
    { name: "wrong tokens", make: wrongToken },
  ];
  const encrypted: readonly Kind[] = [
    { name: "TLS records", make: () => ({ bytes: arsenal.tlsRecords() }) },
    { name: "handshakes without TLS", make: () => ({ bytes: arsenal.handshake() }) },
  ];
  await using town = await Town.open();
  using certificates = new TestCertificates();
  const { certificateFile, keyFile } = certificates.makeServer();
  const tlsFlags = ["--tls-certificate", certificateFile, "--tls-key", keyFile];
  const args = ["--users", town.users, "--handshake-timeout-ms", "2000"];
  const half = { ...flags, seconds: flags.seconds / 2 };
  const found: string[] = [];
  for (const isEncrypted of [false, true]) {
    await using broker = await BrokerProcess.listen(isEncrypted ? [...args, ...tlsFlags] : args);
    const { port } = broker;
    const tls = isEncrypted ? { tls: { ca: certificates.ca } } : {};
    await using pulse = await Pulse.start({ port, token: town.token, ...tls });
    await using _slowloris = new Slowloris(
      { port, makeAddress: manyAddresses() },
      50,
      isEncrypted ? tlsHello : helloBytes(),
    );
    const siege = new Siege(half, broker, pulse, isEncrypted ? encrypted : plain);
    found.push(...await siege.run());
  }
  return found;
}

async function main(args: readonly string[]): Promise<number> {
  const given = parseArgs([...args], { string: ["seconds", "count", "seed"] });
  const { seconds = "60", count = "100000", seed = `${Math.floor(Math.random() * 2 ** 32)}` } =
    given;
  const flags = { seconds: Number(seconds), count: Number(count), seed: Number(seed) };
  if (given._.length > 0 || Object.values(flags).some((value) => !(value >= 0))) {
    tell("usage: deno task test:attack [--seconds 60] [--count 100000] [--seed N]");
    return 2;
  }
  tell(`seed ${flags.seed}`);
  const mistakes = await attack(flags);
  print(mistakes.length === 0 ? "nothing is wrong" : mistakes.join("\n"));
  return mistakes.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
