import { type PlantedBug, tests } from "../../planted_bug.ts";

/** Bugs of what tells of a cluster, and of what is done with a directory that no broker uses. */
export const OPERATING_BUGS: readonly PlantedBug[] = [
  {
    what: "a standby's metrics tell the streams, and a sum over brokers counts them twice",
    file: "src/server/http/metrics/metric_pages.ts",
    from: "isElsewhere(parts) ? [] : await writeSums(parts);",
    to: "await writeSums(parts);",
    found: tests("server/http/cluster_metrics_test.ts"),
  },
  {
    what: "a standby's metrics count one that has not been heard of for long",
    file: "src/server/http/metrics/cluster_families.ts",
    from: 'return role === "standby" && heardMs <=',
    to: 'return role === "standby" || heardMs <=',
    found: tests("server/http/cluster_metrics_test.ts"),
  },
  {
    what: "a directory and its log part one record later than they do",
    file: "src/engine/replicated/transfer/compare_log.ts",
    from: "else low = middle + 1;",
    to: "else low = middle + 2;",
    found: tests("engine/replicated/rebuilding_test.ts"),
  },
  {
    what: "a directory whose bytes have changed is the log's",
    file: "src/engine/replicated/transfer/own_records.ts",
    from: "if (fault !== undefined) break;",
    to: "fault = undefined;",
    found: tests("engine/replicated/rebuilding_test.ts"),
  },
  {
    what: "a directory with a certificate of another authority of the same name is alike",
    file: "src/server/certificates/authority_mark.ts",
    from: "...key === undefined ? [] : [key]",
    to: "...key === null ? [key] : []",
    found: tests("server/cluster_notes_test.ts"),
  },
];
