/**
 * What `top` makes of the figures of streams, and how it fits them into a terminal.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { BrokerStatus, StreamInfo } from "../../../../protocol.ts";
import { NO_TOTALS } from "../../../../src/protocol/answers/stream_info.ts";
import {
  noteOf,
  sortRates,
  type StreamRate,
  StreamRates,
  sumRates,
} from "../../../../src/server/commands/broker/stream_rates.ts";
import { drawTop, formatTopLine } from "../../../../src/server/commands/broker/top_screen.ts";
import { widthOf } from "../../../../src/server/commands/output/shown_text.ts";

function infoOf(name: string, published: number, delivered: number): StreamInfo {
  const totals = { ...NO_TOTALS, published, delivered };
  return { name, totals, ready: published, pending: 0, delayed: 0 } as unknown as StreamInfo;
}

function rateOf(name: string, figures: Partial<StreamRate> = {}): StreamRate {
  const none = { in: 0, out: 0, ready: 0, pending: 0, delayed: 0, followers: 1, isPaused: false };
  return { name, ...none, ...figures };
}

const STATUS: BrokerStatus = {
  version: "1.2.3",
  runtime: "deno 1",
  engine: "journal",
  durability: "always",
  startedAt: 0,
  address: "localhost:9090",
  tls: false,
  hasUsers: false,
  logLevel: "info",
  connections: 12,
  streams: 2,
  problems: [],
};

Deno.test("rates are what has come since the last look, each second", () => {
  const rates = new StreamRates();
  const flows = (streams: StreamInfo[], at: number) =>
    rates.look(streams, at).map((rate) => [rate.name, rate.in, rate.out]);
  assertEquals(flows([infoOf("a", 100, 50)], 1000), [["a", 0, 0]]);
  assertEquals(flows([infoOf("a", 300, 60), infoOf("b", 10, 0)], 3000), [
    ["a", 100, 5],
    ["b", 5, 0],
  ]);
  // One that was made again has begun at 0, as has all after a restart of the broker.
  assertEquals(flows([infoOf("a", 20, 10)], 4000), [["a", 20, 10]]);
  assertEquals(flows([infoOf("a", 20, 10)], 4000), [["a", 0, 0]]);
  assertEquals(flows([infoOf("a", 21, 10)], 3000), [["a", 1000, 0]], "the clock was set back");
});

Deno.test("sums, orders and notes of rates", () => {
  const rates = [
    rateOf("b", { ready: 5, in: 1, oldestReadyMs: 10, followers: 0 }),
    rateOf("a", { ready: 5, out: 2, pending: 1, oldestReadyMs: 3000 }),
    rateOf("c", { isPaused: true, delayed: 4, ready: 1 }),
    rateOf("d", { ready: 1, pending: 3 }),
  ];
  assertEquals(sumRates(rates), {
    streams: 4,
    in: 1,
    out: 2,
    ready: 12,
    pending: 4,
    delayed: 4,
    oldestReadyMs: 3000,
  });
  assertEquals(sumRates([]).oldestReadyMs, undefined);
  const names = (order: Parameters<typeof sortRates>[1]) =>
    sortRates(rates, order).map(({ name }) => name).join("");
  assertEquals(names("ready"), "abcd");
  assertEquals(names("oldest"), "abcd");
  assertEquals(names("pending"), "dabc");
  assertEquals(names("name"), "abcd");
  assertEquals(rates.map(noteOf), ["no follower", "", "paused", "nothing moves"]);
});

Deno.test("a screen fits, however small or large it is, and nothing moves its cursor", () => {
  const rates = Array.from(
    { length: 50 },
    (_, index) =>
      rateOf(`stream-${index}-${"x".repeat(index * 3)}`, {
        ready: 10 ** (index % 12),
        in: 10 ** (index % 9) / 7,
        oldestReadyMs: 10 ** (index % 11),
      }),
  );
  const status = { ...STATUS, problems: ["bad\u001b[2Jthing"] };
  for (const columns of [1, 40, 60, 80, 100, 300]) {
    for (const rows of [1, 8, 24, 100]) {
      const view = { status, rates, now: 90_000, order: "ready", loss: "gone\nnow" } as const;
      const lines = drawTop(view, { columns, rows });
      const width = Math.max(...lines.slice(0, -1).map(widthOf));
      assert(width <= Math.max(40, columns), `${width} of ${columns}`);
      assert(lines.length <= Math.max(rows, 9), `${lines.length} of ${rows}`);
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u001f]/.test(lines.join("")));
    }
  }
});

Deno.test("a screen tells what an operator looks for", () => {
  const rates = [rateOf("mails", { ready: 1234, followers: 0, oldestReadyMs: 65_000, in: 12.34 })];
  const view = { status: STATUS, rates, now: 90_000, order: "ready" } as const;
  const lines = drawTop(view, { columns: 100, rows: 24 });
  assertEquals(lines.map((line) => line.replaceAll(/ +/g, " ")), [
    "simplemq 1.2.3 at localhost:9090 (journal, always), running for 1m 30s · 12 connections",
    "1 streams · in 12/s · out 0/s · ready 1234 · pending 0 · oldest 1m 5s",
    "",
    "STREAM IN/S OUT/S READY PENDING OLDEST FOL DELAYED",
    "mails 12 0 1234 0 1m 0 0 no follower",
    "q quits · s sorts by the next column (ready)",
  ]);
  assertEquals(
    formatTopLine(view),
    "1970-01-01T00:01:30.000Z streams=1 in=12 out=0 ready=1234 pending=0 delayed=0 " +
      "oldest=65000ms problems=0",
  );
});
