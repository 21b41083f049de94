import { Alarm, type AlarmClock } from "../collections/alarm_clock.ts";
import { Pace } from "./pace.ts";

/** So long a turn of the event loop does long work, in milliseconds, whatever and how much there is of it. */
const TURN_MS = 4;

/** What waits for its turn has so much of it before the work that is due. */
const WAITING_MS = TURN_MS / 2;

/** A turn works on so many messages at most, however fast it is: a clock may stand still. */
const TURN_COUNT_MAX = 262_144;
const WAITING_COUNT = TURN_COUNT_MAX / 2;

/** So little work need not be forgotten with the turn, in milliseconds: it counts for the next one. */
const QUIET_MS = 1;

/** What is left after a piece of work: more, nothing, or what must wait for something until another turn. */
export type Progress = "more" | "done" | "later";

/** Does a piece of work, on about so many messages. */
export type Piece = (size: number) => Progress;

/** Work that goes on over several turns. */
interface Job {
  readonly piece: Piece;
  readonly pace: Pace;
  readonly ended: PromiseWithResolvers<void>;
}

/**
 * Divides the time of a turn of the event loop among all work on very many messages: purges, limits, expiry,
 * redrives. However much of it there is at the same time, others are served in between.
 */
export class Turns {
  readonly #clock: AlarmClock;
  readonly #now: () => number;
  /** What goes on, the next one first. */
  #jobs: Job[] = [];
  /** What has to wait for another turn. */
  #late: Job[] = [];
  /** How long this turn has worked, and on how many messages. */
  #spentMs = 0;
  #count = 0;
  /** Has a tick come: there the next turn begins. */
  readonly #alarm = new Alarm(() => {});

  constructor(clock: AlarmClock, now: () => number) {
    this.#clock = clock;
    this.#now = now;
  }

  /** Does what is due and what goes on, in a turn of its own; returns the time of the next deadline. */
  tick(now: number): number {
    this.#spentMs = this.#count = 0;
    this.#jobs.push(...this.#late.splice(0));
    this.#goOn(WAITING_MS);
    // One piece may take longer than that: what is due has its part all the same.
    this.#spentMs = Math.min(this.#spentMs, WAITING_MS);
    this.#count = Math.min(this.#count, WAITING_COUNT);
    const begun = this.#now();
    // An alarm without time for its work would only wait again, behind those that had some.
    const hasTime = () => this.#hasTime(TURN_MS) && this.#now() - begun < TURN_MS;
    const next = this.#clock.tick(now, hasTime);
    this.#goOn(TURN_MS);
    return this.#needsTick ? Math.min(next, this.#now()) : next;
  }

  /**
   * Works at once, as long as this turn has time for that.
   *
   * @param sizeMax The most messages of a piece.
   */
  spend(piece: Piece, sizeMax?: number): void {
    const pace = new Pace(sizeMax);
    while (this.#hasTime(TURN_MS) && this.#do(piece, pace) === "more");
    this.#askForTick();
  }

  /**
   * Works until nothing is left, in this turn and as many later ones as that takes; others that do so take turns
   * with it.
   *
   * @param sizeMax The most messages of a piece.
   */
  async work(piece: Piece, sizeMax?: number): Promise<void> {
    const pace = new Pace(sizeMax);
    let progress: Progress = "more";
    if (this.#jobs.length === 0) {
      while (progress === "more" && this.#hasTime(TURN_MS)) progress = this.#do(piece, pace);
      if (progress === "done") return this.#askForTick();
    }
    await this.#continue(piece, pace, progress);
  }

  /** As {@linkcode Turns.work}, from the next turn on. */
  async workLater(piece: Piece): Promise<void> {
    await this.#continue(piece, new Pace(), "later");
  }

  async #continue(piece: Piece, pace: Pace, progress: Progress): Promise<void> {
    const job = { piece, pace, ended: Promise.withResolvers<void>() };
    this.#keep(job, progress);
    this.#askForTick();
    await job.ended.promise;
  }

  /** Has those that go on take turns, until this turn has worked so long. */
  #goOn(msMax: number): void {
    while (this.#jobs.length > 0 && this.#hasTime(msMax)) {
      const job = this.#jobs.shift()!;
      try {
        this.#keep(job, this.#do(job.piece, job.pace));
      } catch (error) {
        job.ended.reject(error);
      }
    }
  }

  #keep(job: Job, progress: Progress): void {
    if (progress === "done") job.ended.resolve();
    else (progress === "more" ? this.#jobs : this.#late).push(job);
  }

  #do(piece: Piece, pace: Pace): Progress {
    const { size } = pace;
    const begun = this.#now();
    const progress = piece(size);
    const ms = this.#now() - begun;
    pace.note(ms);
    this.#spentMs += ms;
    if (progress === "more") this.#count += size;
    return progress;
  }

  #hasTime(msMax: number): boolean {
    return this.#spentMs < msMax && this.#count < TURN_COUNT_MAX;
  }

  get #needsTick(): boolean {
    return this.#jobs.length + this.#late.length > 0 || !this.#hasTime(QUIET_MS);
  }

  #askForTick(): void {
    if (this.#needsTick) this.#clock.hasten(this.#alarm, this.#now());
  }
}
