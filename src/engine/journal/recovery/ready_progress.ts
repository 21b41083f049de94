import type { NoteProgress, Report } from "./recovery.ts";
import { ProgressPace } from "./progress_pace.ts";

export interface ReadyProgressOptions {
  /** Returns a monotonic time, in milliseconds. */
  readonly now: () => number;
  readonly report: Report;
  readonly noteProgress?: NoteProgress | undefined;
}

/** How many messages of a journal that is read are ready again: tells it every second, and lets others have their turn. */
export class ReadyProgress {
  readonly #options: ReadyProgressOptions;
  #pace: ProgressPace | undefined;

  constructor(options: ReadyProgressOptions) {
    this.#options = options;
  }

  /** Notes that so many messages are ready, of all; the caller waits for what it returns. */
  note(messages: number, of: number): Promise<void> | undefined {
    return (this.#pace ??= new ProgressPace(this.#options.now)).note(() => {
      const { report, noteProgress } = this.#options;
      const part = of === 0 ? 1 : messages / of;
      noteProgress?.(part, "ready");
      const percent = Math.floor(part * 100);
      report("info", "making the streams ready", { percent, messages, of });
    });
  }
}
