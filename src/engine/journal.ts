/**
 * The engine that writes everything down before it counts: what is confirmed survives the end of the
 * process, and of the machine.
 *
 * @module
 */

import { Residency } from "../broker/residency.ts";
import { EmbeddedEngine } from "./embedded.ts";
import { Journal, type JournalOptions } from "./journal/journal.ts";

/** What a journal engine needs. */
export interface JournalEngineOptions extends JournalOptions {
  /** Is told of a deadline that is earlier than `tick` has said. */
  readonly hasten?: (at: number) => void;
  /** How many bytes of messages may be in memory; the others are read back when they are needed. */
  readonly memoryLimit: number;
}

/** Streams in a journal. */
export class JournalEngine extends EmbeddedEngine {
  readonly #journal: Journal;

  private constructor(journal: Journal, options: JournalEngineOptions) {
    super({
      name: "journal",
      durability: options.level,
      now: options.now,
      ...options.hasten && { hasten: options.hasten },
      residency: new Residency({ bytesMax: options.memoryLimit, pager: journal }),
      store: (event, outcome) => journal.store(event, outcome),
      commit: (event, written) => journal.commit(event, written),
      settle: (done) => journal.settle(done),
      schedule: queueMicrotask,
      report: (message, fields) => options.report("warning", message, fields),
      findObstacle: (bytes) => journal.findObstacle(bytes),
    });
    this.#journal = journal;
  }

  /**
   * Opens a journal and reads what is in it.
   *
   * @throws {JournalError} If it cannot be used, or is damaged where no single stream is.
   */
  static async open(options: JournalEngineOptions): Promise<JournalEngine> {
    const journal = new Journal(options);
    const engine = new JournalEngine(journal, options);
    try {
      await journal.open(engine.broker);
    } catch (error) {
      options.disk.close();
      throw error;
    }
    return engine;
  }

  override tend(now: number): number {
    return this.#journal.tick(now);
  }

  override close(): Promise<void> {
    return this.#journal.close();
  }
}
