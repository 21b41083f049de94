import { Histogram } from "../../../broker/collections/histogram.ts";
import type { Engine } from "../../../broker/engine.ts";
import type { ClusterStatus } from "../../../../protocol.ts";
import type { CertificateStatus } from "../../certificates/certificates.ts";
import type { HttpParts } from "../http_route.ts";
import { type MetricFamily, writeLabels } from "./metric_text.ts";
import { findProcessFigures, type ProcessFigures } from "./process_figures.ts";

/** Labels as text, and the value; an undefined value is left out. */
export type Sample = readonly [labels: string, value: number | undefined];

/** Metrics that only the broker as a whole has. */
export interface BrokerFamily extends MetricFamily {
  /** Reads its samples; nothing where the broker has no such thing, and the family is not written. */
  read(source: MetricSource): readonly Sample[] | Histogram | undefined;
}

/** Where the figures are. */
export interface MetricSource {
  readonly parts: HttpParts;
  readonly counters: Engine["counters"];
  readonly process: ProcessFigures;
  readonly certificate: CertificateStatus | undefined;
  /** What the broker knows of its cluster, if it is in one. */
  readonly cluster: ClusterStatus | undefined;
}

/** Finds where the figures are now. */
export function findSource(parts: HttpParts): MetricSource {
  return {
    parts,
    counters: parts.engine.counters,
    process: findProcessFigures(),
    certificate: parts.certificates?.status,
    cluster: parts.engine.cluster?.describe(),
  };
}

type Read = BrokerFamily["read"];

/** A counter; its name gets its end. */
export function counter(name: string, help: string, read: Read): BrokerFamily {
  return { name: `simplemq_${name}_total`, type: "counter", help, read };
}

/** A gauge. */
export function gauge(name: string, help: string, read: Read): BrokerFamily {
  return { name: `simplemq_${name}`, type: "gauge", help, read };
}

/** A histogram. */
export function histogram(name: string, help: string, read: Read): BrokerFamily {
  return { name: `simplemq_${name}`, type: "histogram", help, read };
}

/** One sample without labels; nothing if there is no value. */
export function one(value: number | undefined): readonly Sample[] | undefined {
  return value === undefined ? undefined : [["", value]];
}

/** One sample for each name. */
export function each(
  label: string,
  values: Readonly<Record<string, number | undefined>>,
): Sample[] {
  return Object.entries(values).map(([name, value]) => [writeLabels(label, name), value]);
}

/** Whether what a family has read is a histogram. */
export function isHistogram(read: readonly Sample[] | Histogram): read is Histogram {
  return read instanceof Histogram;
}

/** Whether another broker of the cluster may have the streams by now: theirs are its figures. */
export function isElsewhere({ seat }: Pick<HttpParts, "seat">): boolean {
  return seat?.isServing === false;
}
