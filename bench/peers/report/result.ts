import type { Percentiles } from "../../harness/statistics.ts";
import { formatNumber } from "../../harness/table.ts";
import type { Result } from "../../work/work.ts";

/** The most important figures of a work, in a line for those who watch. */
export function formatResult(result: Result): string {
  const { count, rate, confirmMs, deliveryMs, fillSeconds, startSeconds } = result;
  const { backlogBytes, connectionBytes } = result;
  return [
    `${formatNumber(count)} messages`,
    rate !== undefined && `${formatNumber(rate)}/s`,
    confirmMs && `confirm ${formatTimes(confirmMs)}`,
    deliveryMs && `delivery ${formatTimes(deliveryMs)}`,
    fillSeconds !== undefined && `filled in ${formatNumber(fillSeconds, 1)} s`,
    startSeconds !== undefined && `started in ${formatNumber(startSeconds, 2)} s`,
    backlogBytes !== undefined && `${formatNumber(backlogBytes / 1e6)} MB`,
    connectionBytes !== undefined && `${formatNumber(connectionBytes / 1e3, 1)} kB per connection`,
  ].filter((part) => typeof part === "string").join(", ");
}

function formatTimes({ p50, p99 }: Percentiles): string {
  return `p50 ${formatNumber(p50, 3)} ms, p99 ${formatNumber(p99, 3)} ms`;
}
