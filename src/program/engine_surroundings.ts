import type { HashKey } from "../broker/collections/keyed_hash.ts";
import type { ClusterNotes } from "../broker/cluster_notes.ts";
import type { Engine } from "../broker/engine.ts";
import type { NoteProgress } from "../engine/journal/recovery/recovery.ts";
import type { LogFields } from "../server/log.ts";

/** What every engine is given. */
export interface EngineSurroundings {
  readonly now: () => number;
  readonly dateNow: (() => number) | undefined;
  readonly hashKey: HashKey;
  readonly report: (level: "info" | "warning", message: string, fields?: LogFields) => void;
  readonly noteProgress?: NoteProgress | undefined;
  readonly hasten: (at: number) => void;
  readonly fail: (cause: unknown) => void;
  /** What a broker of a cluster tells the others of its files, and where its page is. */
  readonly notes?: (() => ClusterNotes) | undefined;
}

/** An engine, and whether it serves. */
export interface OpenedEngine {
  readonly engine: Engine;
  /**
   * Set while the engine follows another broker of its cluster: resolves when it serves for the first time,
   * rejects if it never will. Without it the engine serves.
   */
  readonly opening?: Promise<void> | undefined;
}
