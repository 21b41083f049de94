/**
 * The engine that writes everything down before it counts: what is confirmed survives the end of the
 * process, and of the machine.
 *
 * @module
 */

import { Residency } from "../broker/backlog/residency.ts";
import { EmbeddedEngine } from "./embedded.ts";
import { Journal, type JournalOptions } from "./journal/journal.ts";

/** While something is written, what time it is is written so often, in milliseconds. */
const NOTE_TIME_MS = 10_000;

/** What a journal engine needs. */
export interface JournalEngineOptions extends JournalOptions {
  /** Tells what the machine's clock says, if that is something else than `now`. */
  readonly dateNow?: (() => number) | undefined;
  /** Is told of a deadline that is earlier than `tick` has said. */
  readonly hasten?: (at: number) => void;
  /** How many bytes of messages may be in memory; the others are read back when they are needed. */
  readonly memoryLimit: number;
}

/** Streams in a journal. */
export class JournalEngine extends EmbeddedEngine {
  readonly #journal: Journal;
  /** When it is written next what time it is, and what had been written when it was last. */
  #noteTimeAt = -Infinity;
  #notedCount = 0;

  private constructor(journal: Journal, options: JournalEngineOptions) {
    super({
      name: "journal",
      durability: options.level,
      now: options.now,
      dateNow: options.dateNow,
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
      await journal.open(engine.broker, {
        now: () => engine.now,
        continueTime: () => engine.continueTime(),
      });
    } catch (error) {
      options.disk.close();
      throw error;
    }
    return engine;
  }

  override tend(now: number): number {
    super.tend(now);
    if (now >= this.#noteTimeAt) this.#noteTime(now);
    return this.#journal.tick(now);
  }

  override close(): Promise<void> {
    this.readClock(true);
    return this.#journal.close();
  }

  /** Has it written what time it is, if anything was written since: the next start goes on from there. */
  #noteTime(now: number): void {
    this.#noteTimeAt = now + NOTE_TIME_MS;
    if (this.#journal.eventCount === this.#notedCount) return;
    this.readClock(true);
    this.#notedCount = this.#journal.eventCount;
  }
}
