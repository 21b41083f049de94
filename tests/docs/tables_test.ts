/**
 * The tables of the documents are those of the code. Each is found by its head, whatever the page:
 *
 * | head                                 | table                    |
 * | ------------------------------------ | ------------------------ |
 * | `key`, `default`, `allowed`, `meaning` | settings                 |
 * | `what`, `limit`, …                   | limits                   |
 * | `option`, `default`, `meaning`       | a stream's options       |
 * | `option`, …, `meaning of the option` | options of `connect`     |
 * | `command`, `what it does`            | commands of the broker   |
 * | `verb`, `operations`                 | operations by permission |
 * | `code` or `fatal code`, `meaning`    | errors                   |
 * | `exit code`, `meaning`               | exit codes of the broker |
 * | `task`, `what it does`               | tasks                    |
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import {
  BODY_BYTES_MAX,
  ERROR_CODES,
  LABEL_LENGTH_MAX,
  OPERATIONS,
  PATTERN_LENGTH_MAX,
  REASON_BYTES_MAX,
  SPAN_MS_MAX,
  STREAM_NAME_RULE,
} from "../../protocol.ts";
import {
  BODY_BYTES_DEFAULT,
  HEADER_BYTES_MAX,
  MEMBERS_MAX,
  PEEK_BYTES_MAX,
  PEEK_COUNT_MAX,
  PEL_ENTRIES_MAX,
} from "../../src/protocol/limits.ts";
import {
  DEDUP_COUNT_MAX,
  DEDUP_WINDOW_MS_MAX,
  DELIVERIES_MAX,
  STREAM_OPTIONS_DEFAULT,
} from "../../src/protocol/messages/stream_options.ts";
import { ATTACHMENTS_MAX } from "../../src/broker/rules/attachments.ts";
import { LOST_COUNT_MAX } from "../../src/broker/state/publisher_registry.ts";
import { STREAMS_MAX } from "../../src/broker/state/router.ts";
import { PATTERN_STEPS_MAX } from "../../src/engine/pattern.ts";
import { CONNECTION_OPTION_NAMES } from "../../src/client/connection.ts";
import { DIAL_OPTION_NAMES } from "../../src/client/dialing/connect_options.ts";
import { OPERATION_VERBS } from "../../src/server/access/operation_verbs.ts";
import { COMMANDS } from "../../src/server/commands/command_table.ts";
import { ExitCode } from "../../src/server/process/exit_code.ts";
import { BROKER_FAMILIES } from "../../src/server/http/metrics/broker_families.ts";
import { CLUSTER_FAMILIES } from "../../src/server/http/metrics/cluster_families.ts";
import { OMITTED_FAMILY } from "../../src/server/http/metrics/metric_pages.ts";
import { STREAM_FAMILIES } from "../../src/server/http/metrics/stream_families.ts";
import { formatByteSize } from "../../src/server/settings/byte_size.ts";
import { requireRow, SETTING_ROWS } from "../../src/server/settings/setting_table.ts";
import { Page, ROOT, type Table } from "./page.ts";

const HOUR_MS = 60 * 60 * 1000;

const pages = Page.readAll().filter(({ path }) => !path.startsWith("docs/ru/"));

/** The rows of the only table with that head. */
function findRows(...head: readonly string[]): (readonly string[])[] {
  const found = pages.flatMap(({ tables }) => tables)
    .filter((table) => head.every((cell, index) => table.head[index] === cell));
  assertEquals(found.length, 1, `tables with the head ${head.join(" | ")}`);
  return [...found[0]!.rows];
}

/** The numbers in a text with their units, without separators of thousands. */
function findNumbers(text: string): string[] {
  const plain = text.replaceAll(/`.*?`/g, "").replaceAll(/(?<=\d),(?=\d{3})/g, "");
  return plain.replaceAll(/(?<=\d) (?=[KMGT]iB)/g, "").match(/\d+(?:[KMGT]iB)?/g) ?? [];
}

/** The default of a setting, as it is written. */
function findDefault(path: string): string {
  const { setting } = requireRow(path);
  return setting.show(setting.initial);
}

for (const [head, isOfClusters] of [["key", false], ["key of a cluster", true]] as const) {
  if (isOfClusters && !SETTING_ROWS.some(({ key }) => key.startsWith("cluster."))) continue;
  Deno.test(`the table of settings by ${head} has all of them, as they are`, () => {
    assertEquals(
      findRows(head, "default", "allowed", "meaning")
        .map(([key, initial, allowed, meaning]) => [key, initial, findNumbers(allowed!), meaning]),
      SETTING_ROWS.filter(({ key }) => key.startsWith("cluster.") === isOfClusters)
        .map(({ key, setting: { show, initial, allowed, about } }) => [
          `\`${key}\``,
          show(initial),
          findNumbers(allowed),
          about,
        ]),
    );
  });
}

Deno.test("the table of metrics has all families that are written, as they are", () => {
  const families = [
    ...STREAM_FAMILIES.map((family) => ({ ...family, byStream: "yes" })),
    { ...OMITTED_FAMILY, byStream: "only" },
    ...BROKER_FAMILIES.filter((family) => !CLUSTER_FAMILIES.includes(family))
      .map((family) => ({ ...family, byStream: "no" })),
  ];
  assertEquals(
    findRows("metric", "type", "by stream", "what")
      .map(([metric, ...cells]) => [metric!.replace(/\{.*\}/, ""), ...cells]),
    families.map(({ name, type, byStream, help }) => [`\`${name}\``, type, byStream, help]),
  );
});

Deno.test("the table of a cluster's metrics has all of them, as they are", () => {
  assertEquals(
    findRows("metric of a cluster", "type", "what")
      .map(([metric, ...cells]) => [metric!.replace(/\{.*\}/, ""), ...cells]),
    CLUSTER_FAMILIES.map(({ name, type, help }) => [`\`${name}\``, type, help]),
  );
});

Deno.test("the tables of alerts have all of them", async () => {
  const rules = await Deno.readTextFile(new URL("ops/prometheus/alerts.yaml", ROOT));
  const alerts = [...rules.matchAll(/- alert: (\w+)$/gm)].map(([, name]) => `\`${name}\``);
  const found = ["alert", "alert of a cluster"].flatMap((head) => findRows(head, "when"));
  assertEquals(found.map(([alert]) => alert), alerts);
});

Deno.test("the table of limits is the code's", () => {
  const [, restMax] = /\{0,(\d+)\}/.exec(STREAM_NAME_RULE.source)!;
  const limits: readonly (readonly (string | number)[])[] = [
    [formatByteSize(BODY_BYTES_DEFAULT), formatByteSize(BODY_BYTES_MAX)],
    [formatByteSize(HEADER_BYTES_MAX)],
    [Number(restMax) + 1],
    [LABEL_LENGTH_MAX],
    [PATTERN_LENGTH_MAX, PATTERN_STEPS_MAX],
    [findDefault("limits.unacknowledgedMessages"), findDefault("limits.unacknowledgedBytes")],
    [MEMBERS_MAX],
    // For so many minutes.
    [LOST_COUNT_MAX, 10],
    [findDefault("limits.connections")],
    [findDefault("storage.memoryLimit")],
    [STREAMS_MAX, ATTACHMENTS_MAX],
    [PEL_ENTRIES_MAX],
    [PEEK_COUNT_MAX, formatByteSize(PEEK_BYTES_MAX)],
    [SPAN_MS_MAX / (365 * 24 * HOUR_MS)],
    [LABEL_LENGTH_MAX, DEDUP_COUNT_MAX, DEDUP_WINDOW_MS_MAX / HOUR_MS],
    [REASON_BYTES_MAX],
    [DELIVERIES_MAX],
    [],
  ];
  // In any order.
  const found = findRows("what", "limit").map(([, limit]) => findNumbers(limit!).join(" "));
  assertEquals(found.toSorted(), limits.map((numbers) => numbers.join(" ")).toSorted());
});

Deno.test("the table of a stream's options has all of them", () => {
  assertEquals(
    findRows("option", "default", "meaning").map(([option, initial]) => [option, initial]),
    Object.entries(STREAM_OPTIONS_DEFAULT).map(([option, initial]) => [
      `\`${option}\``,
      `\`${JSON.stringify(initial).replaceAll(",", ", ")}\``,
    ]),
  );
});

Deno.test("the table of the options of connect has all of them", () => {
  const cells = findRows("option", "default", "meaning of the option").map(([option]) => option!);
  const options = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
  assertEquals(options.toSorted(), [...DIAL_OPTION_NAMES, ...CONNECTION_OPTION_NAMES].toSorted());
});

Deno.test("the table of commands has all of them", () => {
  assertEquals(
    findRows("command", "what it does"),
    COMMANDS.map(({ name, about }) => [`\`${name}\``, about]),
  );
});

/** How the table of permissions names needs that are no verbs. */
const WORDS_FOR_NEEDS = { admin: "`admin`", session: "own", allowed: "none" } as const;

Deno.test("the table of permissions has all operations of clients", () => {
  const found = findRows("verb", "operations").flatMap(([verb, operations]) =>
    [...operations!.matchAll(/`(\w+)`/g)].map(([, name]) => `${name}: ${verb!.split(" ")[0]}`)
  );
  const names = { openPublisher: "publisher", openFollower: "follower" };
  const expected = [...OPERATIONS, "openPublisher", "openFollower"] as const;
  const shown = expected.flatMap((operation) => {
    const need = OPERATION_VERBS[operation];
    assert(need !== "refused", `${operation} is for nobody`);
    if (typeof need === "string") return [`${operation}: ${WORDS_FOR_NEEDS[need]}`];
    const verb = "stream" in need ? need.stream : need.filter;
    const name = operation in names ? names[operation as keyof typeof names] : operation;
    if (verb === "new") return [`${name}: \`manage\``, `${name}: any`];
    return `${name}: ${verb === "any" ? verb : `\`${verb}\``}`;
  });
  assertEquals(found.toSorted(), shown.toSorted());
});

Deno.test("the tables of errors have all of them", () => {
  for (const [head, isFatal] of [["code", false], ["fatal code", true]] as const) {
    assertEquals(
      findRows(head, "meaning"),
      Object.entries(ERROR_CODES).filter(([, { fatal }]) => fatal === isFatal)
        .map(([code, { meaning }]) => [`\`${code}\``, meaning]),
    );
  }
});

Deno.test("the table of exit codes has all of them", () => {
  const codes = findRows("exit code", "meaning").map(([code]) => Number(code!.replaceAll("`", "")));
  assertEquals(codes, Object.values(ExitCode).toSorted((one, other) => one - other));
});

Deno.test("the table of tasks has all of them", () => {
  assertEquals(
    findRows("task", "what it does"),
    Object.entries(manifest.tasks).map(([name, { description }]) => [
      `\`deno task ${name}\``,
      description,
    ]),
  );
});

Deno.test("the factors in README.md are those of the last comparison, rounded", () => {
  const isThroughput = ({ head }: Table) => head[2] === "messages/s" && head[6] === "ratio";
  const measured = Page.read("bench/results/peers/peers.md")!.tables.filter(isThroughput);
  const [small, large] = measured.map(({ rows }) =>
    new Map(
      rows.map((
        [peer, , , , , , ratio],
      ) => [peer, `${Math.round(Number(ratio!.replaceAll(",", "")))}×`]),
    )
  );
  const [, ...rows] = findRows("broker", "flushed to disk");
  assert(rows.length > 5);
  for (const [broker, , ...factors] of rows) {
    const peer = broker!.replaceAll("`", "");
    assertEquals(factors, [small?.get(peer), large?.get(peer)], broker);
  }
});

Deno.test("tables are found, and numbers in them", () => {
  const text = "| a | `b \\| c` |\n| - | -: |\n| 1,000 MiB, `5` | 2 |\n\ntext\n";
  const table = new Page("page.md", text).tables[0]!;
  assertEquals(table.head, ["a", "`b | c`"]);
  assertEquals(table.rows, [["1,000 MiB, `5`", "2"]]);
  assertEquals(findNumbers(table.rows[0]![0]!), ["1000MiB"]);
  assert(findNumbers("64 KiB to 1GiB").includes("64KiB"));
});
