import { oneOf, withDefault } from "../../../../protocol/frames/json_fields.ts";
import { NamePattern } from "../../../access/name_pattern.ts";
import type { Permissions } from "../../../access/permissions.ts";
import { roundRates } from "../figures/stream_sums.ts";
import type { StreamFigures } from "../figures/stream_figures.ts";
import { STREAM_COLUMNS, type StreamRow } from "../figures/stream_rows.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest } from "../../http_route.ts";
import { readQuery } from "../page_input.ts";
import { PAGE_QUERY } from "../page_query.ts";

const QUERY = {
  ...PAGE_QUERY,
  kind: withDefault(oneOf("all", "streams", "dead"), "all" as const),
  sort: withDefault(oneOf(...Object.keys(STREAM_COLUMNS)), "name"),
};

/** Answers with a page of the streams that the user sees: found, sorted and cut here, from one snapshot. */
export async function listStreams(request: HttpRequest, figures: StreamFigures): Promise<Response> {
  const { search, sort, order, offset, limit, kind } = readQuery(request, QUERY);
  const { user: { permissions }, parts: { dateNow } } = request;
  const { rows } = await figures.snapshots.get();
  const isFound = matchNames(search);
  const chosen = await rows.choose({
    column: STREAM_COLUMNS[sort]!,
    isDescending: order === "desc",
    offset,
    limit,
    isSeen: ({ name }) => permissions.maySee(name),
    isWanted: ({ name, isDead }) =>
      (kind === "all" || isDead === (kind === "dead")) && isFound(name),
  });
  const { total, matched } = chosen;
  const streams = chosen.rows.map((row) => tellRow(row, permissions));
  return writeJson({ at: dateNow(), total, matched, offset, streams });
}

/** A row as the page gets it. */
export function tellRow(row: StreamRow, permissions: Permissions): Record<string, unknown> {
  const { totals: _totals, isDead: _isDead, rates, ...figures } = row;
  const { name } = row;
  return {
    ...figures,
    rates: rates === undefined ? null : roundRates(rates),
    may: {
      inspect: permissions.may("inspect", name),
      publish: permissions.may("publish", name),
      manage: permissions.may("manage", name),
    },
  };
}

/** Finds names that have a text in them, in any case; `*` stands for any characters. */
export function matchNames(search: string): (name: string) => boolean {
  const wanted = search.trim().toLowerCase();
  if (wanted === "") return () => true;
  const pattern = new NamePattern(`*${wanted}*`);
  return (name) => pattern.matches(name.toLowerCase());
}
