import type { Engine } from "../../../../broker/engine.ts";

/** Whether the engine may be asked for its streams: a standby's may not, nor one without the lease. */
export function isServing({ cluster }: Pick<Engine, "cluster">): boolean {
  return cluster === undefined || cluster.isServing;
}
