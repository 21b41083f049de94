import type { Connection } from "@simplemq/simplemq";
import { BrokerProcess, type EngineName, HOSTNAME } from "../harness/broker_process.ts";
import { readLines } from "../harness/process/child.ts";
import type { MeterStart, Taken, Turn } from "./turn_meter.ts";

const METER = new URL("turn_meter.ts", import.meta.url);

/** A line of the trace of V8: `[12:0x7f] 345 ms: Scavenge … 1.25 / 0.00 ms …`. */
const COLLECTION = /\] +(\d+) ms: .*?([\d.]+) \/ [\d.]+ ms/;

/** A garbage collection: when it was over, and how long it took, in milliseconds. */
interface Collection {
  readonly at: number;
  readonly ms: number;
}

/** A broker in a process of its own whose turns of the event loop are measured. */
export class MeteredBroker implements AsyncDisposable {
  readonly broker: BrokerProcess;
  readonly engine: EngineName;
  readonly httpPort: number;
  readonly #meter: Deno.TcpConn;
  readonly #lines: AsyncGenerator<string, undefined>;
  readonly #trace: { text: string };
  readonly #start: MeterStart;

  private constructor(
    broker: BrokerProcess,
    { engine, httpPort }: Pick<MeteredBroker, "engine" | "httpPort">,
    meter: { readonly connection: Deno.TcpConn; readonly start: MeterStart },
    trace: { text: string },
  ) {
    this.broker = broker;
    this.engine = engine;
    this.httpPort = httpPort;
    this.#meter = meter.connection;
    this.#start = meter.start;
    this.#lines = readLines(meter.connection.readable);
    this.#trace = trace;
  }

  static async start(engine: EngineName): Promise<MeteredBroker> {
    const trace = { text: "" };
    const said = Promise.withResolvers<MeterStart>();
    const httpPort = findPort();
    const broker = await BrokerProcess.start(engine, undefined, {
      flags: [`--preload=${METER.href}`, "--v8-flags=--trace-gc,--expose-gc"],
      onOther: (text) => {
        trace.text += text;
        const start = /^\{"turnMeterPort".*\}$/m.exec(trace.text);
        if (start !== null) said.resolve(JSON.parse(start[0]));
      },
    }, {
      flags: ["--http-host", HOSTNAME, "--http-port", String(httpPort)],
      options: {},
    });
    const start = await said.promise;
    const connection = await Deno.connect({ hostname: HOSTNAME, port: start.turnMeterPort });
    return new MeteredBroker(broker, { engine, httpPort }, { connection, start }, trace);
  }

  async connect(): Promise<Connection> {
    return await this.broker.connect();
  }

  /** What has happened since the last call. */
  async take(): Promise<Taken> {
    await this.#meter.write(new Uint8Array([10]));
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error("The broker has ended");
    return JSON.parse(value);
  }

  /** Ends the broker; returns how long a turn was without the collections of garbage in it. */
  async finish(): Promise<(turn: Turn) => number> {
    await this[Symbol.asyncDispose]();
    const collections = this.#readCollections();
    return ({ at, ms }) => {
      const from = at - ms - 2;
      const within = collections.filter((one) => one.at > from && one.at - one.ms < at);
      return Math.max(0, within.reduce((left, one) => left - one.ms, ms));
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    try {
      this.#meter.close();
    } catch {
      // The reader has closed it.
    }
  }

  /** The collections by the clock of the turns, to which the first that was asked for belongs. */
  #readCollections(): Collection[] {
    const lines = this.#trace.text.split("\n").map((line) => ({
      line,
      found: COLLECTION.exec(line),
    }));
    const first = lines.find(({ line, found }) => found !== null && /testing|GC in/.test(line));
    const ahead = first === undefined ? 0 : this.#start.collectedAt - Number(first.found![1]);
    return lines.flatMap(({ found }) =>
      found === null ? [] : [{ at: Number(found[1]) + ahead, ms: Number(found[2]) }]
    );
  }
}

/** A port that is free now. */
function findPort(): number {
  using listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  return listener.addr.port;
}
