import type { Arguments, Flag } from "../arguments.ts";
import type { CommandContext } from "../command.ts";
import { formatBytes, formatSpan, formatTime } from "./quantities.ts";
import { escapeControls, widthOf } from "./shown_text.ts";

/** The flags of commands that print one result. */
export const VALUE_FLAGS: readonly Flag[] = [
  { name: "json", about: "Prints one JSON value, for programs" },
  { name: "bytes", about: "Prints sizes in bytes, in place of KiB, MiB …" },
];

/** The flags of commands that print a list. */
export const LIST_FLAGS: readonly Flag[] = [
  ...VALUE_FLAGS,
  { name: "jsonl", about: "Prints one JSON object on each line, for programs" },
];

/** A column of a table, or a line of a description. */
export interface Column<Row> {
  readonly title: string;
  /**
   * What it holds: a number is written at the right, bytes with a unit, a span of milliseconds and a time
   * since 1970 as people read them. A text by default.
   */
  readonly kind?: "text" | "number" | "bytes" | "span" | "time";
  /** Its value; `undefined` leaves the place empty. */
  readonly read: (row: Row) => string | number | boolean | undefined;
}

/** What a list is printed with. */
export interface ListParts<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** What people are told if there are no rows: a sentence. */
  readonly none: string;
  /** What programs get of a row; the row itself by default. */
  readonly toJson?: (row: Row) => unknown;
}

/** Prints a list: a table, or as the flags say, JSON. */
export function printList<Row>(
  { rows, columns, none, toJson = (row) => row }: ListParts<Row>,
  args: Arguments,
  context: CommandContext,
): void {
  if (args.has("jsonl")) {
    for (const row of rows) context.print(`${JSON.stringify(toJson(row))}\n`);
  } else if (args.has("json")) {
    context.print(`${JSON.stringify(rows.map(toJson), undefined, 2)}\n`);
  } else if (rows.length === 0) context.note(none);
  else context.print(formatTable(rows, columns, args.has("bytes")));
}

/** Prints one value: a line for each of its fields, or as the flags say, JSON. */
export function printValue<Value>(
  value: Value,
  fields: readonly Column<Value>[],
  args: Arguments,
  context: CommandContext,
): void {
  if (args.has("json")) {
    context.print(`${JSON.stringify(value, undefined, 2)}\n`);
    return;
  }
  const shown = fields.map((
    { title, ...field },
  ) => [title, formatCell(value, field, args.has("bytes"))]);
  const lines = shown.filter(([, text]) => text !== "");
  const width = Math.max(0, ...lines.map(([title]) => widthOf(title!)));
  context.print(lines.map(([title, text]) => `${pad(title!, width)}  ${text}\n`).join(""));
}

/** Writes rows below each other: texts at the left, quantities at the right. */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  inBytes = false,
): string {
  const cells = rows.map((row) => columns.map((column) => formatCell(row, column, inBytes)));
  const all = [columns.map(({ title }) => title.toUpperCase()), ...cells];
  const widths = columns.map((_, index) => Math.max(...all.map((line) => widthOf(line[index]!))));
  return all.map((line) => {
    const padded = line.map((text, index) => {
      const isRight = (columns[index]!.kind ?? "text") !== "text" &&
        columns[index]!.kind !== "time";
      const space = " ".repeat(widths[index]! - widthOf(text));
      return isRight ? space + text : text + space;
    });
    return `${padded.join("  ").trimEnd()}\n`;
  }).join("");
}

function formatCell<Row>(
  row: Row,
  { kind = "text", read }: Omit<Column<Row>, "title">,
  inBytes: boolean,
): string {
  const value = read(row);
  if (value === undefined) return "";
  if (typeof value === "number") {
    if (kind === "bytes") return inBytes ? String(value) : formatBytes(value);
    if (kind === "span") return formatSpan(value);
    if (kind === "time") return formatTime(value);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return escapeControls(String(value));
}

function pad(text: string, width: number): string {
  return text + " ".repeat(width - widthOf(text));
}
