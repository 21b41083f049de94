import type { Cron } from "croner";
import { BrokerError } from "../../protocol.ts";
import type { CronDates, CronReader } from "../broker/schedules/cron_reader.ts";
import { TimeZone } from "./time_zone.ts";

/** The most zones that are kept: there are some hundreds of names, but upper and lower case count the same. */
const ZONES_MAX = 1000;

/** The most dates that are found to be shared. */
const DATES_MAX = 1000;

type CronClass = typeof Cron;

/** The most expressions that are kept read: one takes 83 KB, and is read again in a quarter of a millisecond. */
const KEPT_COUNT = 64;

/**
 * Cron expressions, by the library `croner`: its grammar, and the wall-clock times of an expression. Where
 * these times are in a zone is decided here: one that a zone leaves out is right after the gap, one that
 * comes twice is the first one. The library is loaded when the first schedule needs it.
 */
export class CronerReader implements CronReader {
  #class: CronClass | undefined;
  /** Expressions that were read, the one that was used last at the end. */
  readonly #kept = new Map<string, Cron>();
  /** Dates that schedules share: of many with the same dates, one finds the next date for all. */
  readonly #dates = new Map<string, ZonedDates>();
  readonly #zones = new Map<string, TimeZone>();

  async load(): Promise<void> {
    if (this.#class !== undefined) return;
    this.#class = (await import("croner")).Cron;
  }

  check(expression: string, timeZone: string): void {
    const fields = expression.trim().split(/\s+/).length;
    if (fields !== 5 && fields !== 6) {
      throw badCron(
        expression,
        `it has ${fields} ${
          fields === 1 ? "field" : "fields"
        }; five are allowed, or six with seconds first`,
      );
    }
    if (this.#next(expression, 0) === undefined) throw badCron(expression, "no date ever comes");
    this.#findZone(timeZone);
  }

  read(expression: string, timeZone: string): CronDates {
    const name = `${timeZone} ${expression}`;
    const known = this.#dates.get(name);
    if (known !== undefined) return known;
    const next = (wall: number) => this.#next(expression, wall);
    const dates = new ZonedDates(next, this.#findZone(timeZone));
    if (this.#dates.size >= DATES_MAX) this.#dates.clear();
    this.#dates.set(name, dates);
    return dates;
  }

  /** The first wall-clock time of an expression after another one, as if both were in UTC. */
  #next(expression: string, wall: number): number | undefined {
    return this.#read(expression).nextRun(new Date(wall))?.getTime();
  }

  #read(expression: string): Cron {
    const cron = this.#kept.get(expression) ?? this.#parse(expression);
    this.#kept.delete(expression);
    this.#kept.set(expression, cron);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_COUNT) this.#kept.delete(oldest!);
    return cron;
  }

  #parse(expression: string): Cron {
    try {
      return new this.#class!(expression, { utcOffset: 0, paused: true });
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^CronPattern: /, "") : `${error}`;
      throw badCron(expression, why, error);
    }
  }

  #findZone(name: string): TimeZone {
    let zone = this.#zones.get(name);
    if (zone !== undefined) return zone;
    try {
      zone = new TimeZone(name);
    } catch (error) {
      const why = `Cannot use time zone ${JSON.stringify(name)}: this system does not know it; ` +
        'a name such as "Europe/Berlin" is expected';
      throw new BrokerError("BAD_REQUEST", why, { cause: error });
    }
    if (this.#zones.size >= ZONES_MAX) this.#zones.clear();
    this.#zones.set(name, zone);
    return zone;
  }
}

/** The dates of an expression in a zone. */
class ZonedDates implements CronDates {
  readonly #nextWall: (wall: number) => number | undefined;
  readonly #zone: TimeZone;
  /** The last answer: several schedules may ask the same, and each asks again for what comes behind. */
  #after = NaN;
  #found: number | undefined;

  constructor(nextWall: (wall: number) => number | undefined, zone: TimeZone) {
    this.#nextWall = nextWall;
    this.#zone = zone;
  }

  next(after: number): number | undefined {
    if (after !== this.#after) {
      this.#found = this.#find(after);
      this.#after = after;
    }
    return this.#found;
  }

  #find(after: number): number | undefined {
    const zone = this.#zone;
    let wall: number | undefined = zone.wallOf(after);
    // In the second of two equal hours: their times have been there.
    const first = zone.dateOf(wall);
    if (first < after) wall = zone.endOfTwice(first, after);
    for (;;) {
      wall = this.#nextWall(wall);
      if (wall === undefined) return undefined;
      const date = zone.dateOf(wall);
      if (date > after) return date;
    }
  }
}

function badCron(expression: string, why: string, cause?: unknown): BrokerError {
  const text = `Cannot use cron expression ${JSON.stringify(expression)}: ${why}`;
  return new BrokerError("BAD_REQUEST", text, { cause });
}
