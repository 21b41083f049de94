import type { BrokerStatus } from "../../../../protocol.ts";
import { formatSpan } from "../output/quantities.ts";
import { escapeControls, fitText } from "../output/shown_text.ts";
import {
  noteOf,
  type RateOrder,
  type RateSum,
  sortRates,
  type StreamRate,
  sumRates,
} from "./stream_rates.ts";

/** What is shown at one moment. */
export interface TopView {
  readonly status: BrokerStatus;
  readonly rates: readonly StreamRate[];
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  readonly order: RateOrder;
  /** Why there is no connection; none if there is one. */
  readonly loss?: string | undefined;
}

/** The least columns that are drawn. */
const COLUMNS_MIN = 40;

const NAME_COLUMNS_MIN = 12;

/** The figures of a row, with the columns that each takes. */
const FIGURES: readonly {
  readonly title: string;
  readonly columns: number;
  readonly read: (rate: StreamRate) => string;
}[] = [
  { title: "IN/S", columns: 8, read: (rate) => formatRate(rate.in) },
  { title: "OUT/S", columns: 8, read: (rate) => formatRate(rate.out) },
  { title: "READY", columns: 9, read: ({ ready }) => formatCount(ready) },
  { title: "PENDING", columns: 8, read: ({ pending }) => formatCount(pending) },
  { title: "OLDEST", columns: 8, read: ({ oldestReadyMs: ms }) => ms === undefined ? "" : age(ms) },
  { title: "FOL", columns: 5, read: ({ followers }) => formatCount(followers) },
  { title: "DELAYED", columns: 8, read: ({ delayed }) => formatCount(delayed) },
];

const NOTE_COLUMNS = 14;

/** Draws a screen: lines without their ends, as many as there is room for. */
export function drawTop(
  view: TopView,
  size: { readonly columns: number; readonly rows: number },
): string[] {
  const columns = Math.max(COLUMNS_MIN, size.columns);
  // Columns at the right give way where there is no room for them.
  const figures = [...FIGURES];
  let noteColumns = NOTE_COLUMNS;
  const rest = () =>
    columns - noteColumns - figures.reduce((sum, { columns }) => sum + columns + 1, 0);
  if (rest() < NAME_COLUMNS_MIN) figures.pop();
  if (rest() < NAME_COLUMNS_MIN) noteColumns = 0;
  while (rest() < NAME_COLUMNS_MIN && figures.length > 1) figures.splice(-1);
  const nameColumns = rest();
  const row = (name: string, read: (index: number) => string, note: string) => {
    const cells = figures.map(({ columns }, index) => ` ${read(index).padStart(columns)}`);
    const text = noteColumns > 0 && note !== "" ? ` ${note}` : "";
    return `${fitText(name, nameColumns)}${cells.join("")}${text}`.trimEnd();
  };
  const head = [
    ...drawHead(view).map((line) => fitText(line, columns).trimEnd()),
    "",
    row("STREAM", (index) => figures[index]!.title, ""),
  ];
  const sorted = sortRates(view.rates, view.order);
  const room = Math.max(0, size.rows - head.length - 2);
  const shown = sorted.slice(0, room).map((rate) =>
    row(escapeControls(rate.name), (index) => figures[index]!.read(rate), noteOf(rate))
  );
  const more = sorted.length - shown.length;
  const foot = [
    ...more > 0 ? [`… and ${more} more`] : [],
    `q quits · s sorts by the next column (${view.order})`,
  ];
  return [...head, ...shown, ...foot];
}

function drawHead({ status, rates, now, loss }: TopView): string[] {
  const { version, address, engine, durability, startedAt, connections, problems } = status;
  const what = engine === durability ? engine : `${engine}, ${durability}`;
  const sum = sumRates(rates);
  const parts = [
    `simplemq ${version} at ${address} (${what}), running for ${formatSpan(now - startedAt)}`,
    ...connections === undefined ? [] : [`${connections} connections`],
  ];
  return [
    parts.join(" · "),
    formatSum(sum),
    ...loss === undefined ? [] : [`NO CONNECTION: ${escapeControls(loss)}`],
    ...problems.map((problem) => `NOT READY: ${escapeControls(problem)}`),
  ];
}

function formatSum(sum: RateSum): string {
  const { streams, ready, pending, delayed, oldestReadyMs } = sum;
  return [
    `${formatCount(streams)} streams`,
    `in ${formatRate(sum.in)}/s`,
    `out ${formatRate(sum.out)}/s`,
    `ready ${formatCount(ready)}`,
    `pending ${formatCount(pending)}`,
    ...delayed === 0 ? [] : [`delayed ${formatCount(delayed)}`],
    ...oldestReadyMs === undefined ? [] : [`oldest ${formatSpan(oldestReadyMs)}`],
  ].join(" · ");
}

/** One line for where there is no screen. */
export function formatTopLine({ status, rates, now }: TopView): string {
  const { streams, ready, pending, delayed, oldestReadyMs, ...flow } = sumRates(rates);
  const words = [
    new Date(now).toISOString(),
    `streams=${streams}`,
    `in=${formatRate(flow.in)}`,
    `out=${formatRate(flow.out)}`,
    `ready=${ready}`,
    `pending=${pending}`,
    `delayed=${delayed}`,
    `oldest=${oldestReadyMs === undefined ? "-" : `${Math.round(oldestReadyMs)}ms`}`,
    `problems=${status.problems.length}`,
  ];
  return words.join(" ");
}

/** An age with its larger unit only: a column is narrow. */
function age(ms: number): string {
  return formatSpan(ms).split(" ")[0]!;
}

/** A rate: with a decimal where it is small. */
function formatRate(rate: number): string {
  if (rate === 0) return "0";
  return rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

/** A number with at most seven characters: `1234567`, `12.3M`. */
function formatCount(count: number): string {
  if (count < 1e7) return String(count);
  return count < 1e9 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e9).toFixed(1)}G`;
}
