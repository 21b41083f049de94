import { delay } from "@std/async/delay";
import type { BrokerStatus } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody, CommandContext } from "../command.ts";
import { type BrokerUse, withBroker } from "../connecting/broker_connection.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { RATE_ORDERS, type RateOrder, StreamRates, sumRates } from "./stream_rates.ts";
import { drawTop, formatTopLine, type TopView } from "./top_screen.ts";

const NAME = "top";

const INTERVAL_MS_DEFAULT = 1000;
const INTERVAL_MS_MIN = 100;

/** How much longer than a look the pause behind it is at least: thousands of streams take time. */
const PAUSES_PER_LOOK = 4;

/** `top`: shows what the streams of a broker do. */
export const top: CommandBody = {
  examples: ["top", "top --sort oldest", "top --interval 10s --count 6 > load.txt"],
  flags: [
    {
      name: "sort",
      value: `<${RATE_ORDERS.join("|")}>`,
      about: "The order of the streams; ready, the most first, by default",
    },
    { name: "match", value: "<text>", about: "Only streams with this text in their names" },
    { name: "interval", value: "<span>", about: "The time between two looks; 1s by default" },
    { name: "count", value: "<number>", about: "Stops after so many looks" },
    { name: "jsonl", about: "Prints one JSON object for each look, for programs" },
    ...CONNECTION_FLAGS,
  ],
  words: [0, 0],
  details:
    "On a terminal the screen is drawn again for each look; elsewhere each look is a line. IN/S is\n" +
    "what is stored each second, OUT/S what is delivered, OLDEST how long the oldest ready message\n" +
    "has been stored, FOL the number of followers.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const order = reader.readChoice("sort", RATE_ORDERS) ?? "ready";
    const count = reader.readNumber("count", { low: 1, high: 1_000_000_000 }) ?? Infinity;
    const intervalMs = reader.readSpan("interval") ?? INTERVAL_MS_DEFAULT;
    if (intervalMs < INTERVAL_MS_MIN || intervalMs >= 2 ** 31) {
      reader.refuse(
        `--interval: allowed is a span of at least ${INTERVAL_MS_MIN}ms and less than 24 days`,
      );
    }
    reader.check();
    const options = { order, count, intervalMs, text: args.find("match") ?? "" };
    const needs = { command: NAME, isEndless: true };
    return await withBroker(needs, args, context, async (broker) => {
      if (context.isTerminal && !args.has("jsonl")) await showScreen(broker, options, context);
      else {
        const write = args.has("jsonl") ? writeJson : writeLine;
        await look(broker, options, context, (view) => write(view, context));
      }
      return ExitCode.stopped;
    });
  },
};

/** How `top` looks at a broker. */
interface LookOptions {
  readonly order: RateOrder;
  readonly count: number;
  readonly intervalMs: number;
  /** What the names of streams have in them. */
  readonly text: string;
}

/** Looks at a broker again and again; the first look is only there to be compared with. */
async function look(
  { cursor, signal }: BrokerUse,
  { order, count, intervalMs, text }: LookOptions,
  context: CommandContext,
  show: (view: TopView) => void,
): Promise<void> {
  const rates = new StreamRates();
  for (let looks = 0; looks <= count; looks++) {
    const beganAt = context.now();
    const [status, streams]: [BrokerStatus, Awaited<ReturnType<typeof cursor.getStreams>>] =
      await Promise.all([cursor.getBroker({ signal }), cursor.getStreams({ signal })]);
    const now = context.now();
    const seen = rates.look(streams.filter(({ name }) => name.includes(text)), now);
    if (looks > 0) show({ status, rates: seen, now, order });
    if (looks === count) return;
    const pauseMs = Math.max(intervalMs, PAUSES_PER_LOOK * (now - beganAt));
    await delay(pauseMs, { signal });
  }
}

function writeLine(view: TopView, context: CommandContext): void {
  context.print(`${formatTopLine(view)}\n`);
}

function writeJson({ status, rates, now }: TopView, context: CommandContext): void {
  const { problems } = status;
  context.print(`${JSON.stringify({ at: now, ...sumRates(rates), problems })}\n`);
}

/** Leaves and enters the screen that programs draw on; the lines before are there again afterwards. */
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** Draws over what is there, without a flicker. */
const HOME = "\u001b[H";
const END_OF_LINE = "\u001b[K\n";
const REST = "\u001b[J";

/** Draws on a terminal until somebody presses q. */
async function showScreen(
  broker: BrokerUse,
  options: LookOptions,
  context: CommandContext,
): Promise<void> {
  const quit = new AbortController();
  let { order } = options;
  let last: TopView | undefined;
  let loss: string | undefined;
  const draw = () => {
    if (last === undefined) return;
    const lines = drawTop({ ...last, order, loss }, context.size);
    context.print(HOME + lines.join(END_OF_LINE) + REST);
  };
  context.print(ENTER);
  const keys = context.watchKeys((key) => {
    if (key === "q" || key === "Q" || key === "\u0003") quit.abort();
    else if (key === "s") {
      order = RATE_ORDERS[(RATE_ORDERS.indexOf(order) + 1) % RATE_ORDERS.length]!;
      draw();
    }
  });
  const signal = AbortSignal.any([broker.signal, quit.signal]);
  const watching = watchLosses(broker, signal, (why) => {
    loss = why;
    draw();
  });
  try {
    await look({ ...broker, signal }, options, context, (view) => {
      last = view;
      draw();
    });
  } catch (error) {
    if (!quit.signal.aborted) throw error;
  } finally {
    quit.abort();
    await watching;
    keys[Symbol.dispose]();
    context.print(LEAVE);
  }
}

/** Tells why the connection is lost, and when it is there again. */
async function watchLosses(
  { connection }: BrokerUse,
  signal: AbortSignal,
  tell: (why: string | undefined) => void,
): Promise<void> {
  try {
    for await (const status of connection.status({ signal })) {
      if (status.type === "lost") tell(status.error?.message ?? "the connection was lost");
      if (status.type === "connected") tell(undefined);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
