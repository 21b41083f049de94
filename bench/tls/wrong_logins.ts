/**
 * Also a program of its own: logs in with wrong tokens, each over a connection of its own, at a steady
 * rate, and prints what became of them as a line of JSON.
 *
 * ```text
 * deno run -A wrong_logins.ts '{"port": …, "rate": 200, "addressPlace": 0, "perAddress": 10}'
 * ```
 *
 * @module
 */

import { FrameWriter, MAGIC, writeControlFrame } from "@simplemq/simplemq/protocol";
import { delay } from "@std/async/delay";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { HOSTNAME } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { print } from "../harness/print.ts";
import { Child } from "../harness/process/child.ts";
import { makeToken } from "./gate.ts";

/** What wrong logins are made like. */
export interface WrongLoginPlan {
  readonly port: number;
  /** The authority of the broker's certificate, if it has one. */
  readonly ca?: string | undefined;
  /** Logins a second. */
  readonly rate: number;
  /** How many; without it, they go on until they are ended. */
  readonly count?: number;
  /** So many come from one address, then from the next one; all from one if it is not set. */
  readonly perAddress?: number;
}

/** What became of wrong logins. */
export interface WrongLoginOutcome {
  /** They were answered that the token is not valid. */
  readonly refused: number;
  /** They were disconnected without an answer. */
  readonly closed: number;
}

/** After so many milliseconds without an end, a login has none. */
const END_MS = 10_000;

/** Addresses of this machine's own network, each used by one process only. */
let addressPlace = 0;

/** Wrong logins that are being made. */
export class WrongLogins implements AsyncDisposable {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Begins; resolves when the first one is on its way. */
  static async begin(plan: WrongLoginPlan): Promise<WrongLogins> {
    const text = JSON.stringify({ ...plan, addressPlace });
    // More addresses than any plan takes.
    addressPlace += 1000;
    const program = new URL(import.meta.url);
    const logins = new WrongLogins(new Child({ program, args: [text], output: "stdout" }));
    await logins.#readLine();
    return logins;
  }

  /** Begins no more; resolves when all have ended. With a `count` in the plan, all are made first. */
  async end(): Promise<WrongLoginOutcome> {
    await this.#child.finish();
    return JSON.parse(await this.#readLine());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop("SIGKILL");
  }

  async #readLine(): Promise<string> {
    const { done, value } = await this.#child.lines.next();
    if (done) throw new Error("Wrong logins have ended before their time");
    return value;
  }
}

/** The place of the first address, in the row of all. */
interface ProgramPlan extends WrongLoginPlan {
  readonly addressPlace: number;
}

async function main(): Promise<void> {
  const plan: ProgramPlan = JSON.parse(Deno.args[0] ?? "");
  const { rate, count = Infinity, perAddress = Infinity } = plan;
  let isEnded = false;
  Deno.stdin.readable.pipeTo(new WritableStream()).finally(() => isEnded = true);
  const logins: Promise<keyof WrongLoginOutcome>[] = [];
  const begin = performance.now();
  print("begun");
  while (logins.length < count && !(isEnded && count === Infinity)) {
    const due = Math.min(count, Math.floor((performance.now() - begin) * rate / 1000) + 1);
    while (logins.length < due) {
      const place = plan.addressPlace + Math.floor(logins.length / perAddress);
      logins.push(logIn(plan, writeAddress(place)));
    }
    await delay(1);
  }
  const ends = await Promise.all(logins);
  const refused = ends.filter((end) => end === "refused").length;
  print(JSON.stringify({ refused, closed: ends.length - refused } satisfies WrongLoginOutcome));
}

/** Every address of 127.0.0.0/8 is this machine's own; the first ones are left to others. */
function writeAddress(place: number): string {
  return `127.${1 + (place >> 16)}.${place >> 8 & 255}.${place & 255}`;
}

/**
 * Logs in with a wrong token; resolves when the connection has ended.
 *
 * @throws {Error} If the broker says anything but that the token is not valid.
 */
async function logIn(
  { port, ca }: WrongLoginPlan,
  localAddress: string,
): Promise<keyof WrongLoginOutcome> {
  const plain = connectPlain({ host: HOSTNAME, port, localAddress });
  plain.setNoDelay(true);
  const socket: Socket = ca === undefined
    ? plain
    : connectTls({ socket: plain, ca, host: HOSTNAME, ALPNProtocols: ["smq/1"] });
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => socket.destroy(), END_MS);
  let answer = "";
  socket.on("data", (bytes: Uint8Array) => {
    answer = new TextDecoder("latin1").decode(bytes);
    socket.destroy();
  });
  // An end without an answer may come as an error; what counts is the answer.
  socket.on("error", () => {});
  if (socket !== plain) plain.on("error", () => socket.destroy());
  socket.on("close", resolve);
  socket.on(ca === undefined ? "connect" : "secureConnect", () => socket.write(makeHello()));
  await promise;
  clearTimeout(timer);
  if (answer === "") return "closed";
  if (answer.includes('"UNAUTHORIZED"')) return "refused";
  throw new Error(`A wrong login was answered with ${JSON.stringify(answer)}`);
}

function makeHello(): Uint8Array {
  const writer = new FrameWriter();
  writer.bytes(MAGIC);
  writeControlFrame(writer, "hello", { client: "bench", capabilities: [], token: makeToken() });
  return writer.take();
}

if (import.meta.main) await runMain(main, "wrong logins");
