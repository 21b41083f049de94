const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A time zone: which dates its wall clocks show when. A *wall* time is what they show, as if it were UTC, in
 * milliseconds since 1970.
 */
export class TimeZone {
  readonly #format: Intl.DateTimeFormat;
  /** A span in which the offset is the same: dates come one after the other. */
  #from = Infinity;
  #to = -Infinity;
  #offset = 0;

  /**
   * @param name A name of IANA.
   * @throws {RangeError} If this system does not know it.
   */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  wallOf(date: number): number {
    return date + this.#offsetAt(date);
  }

  /** The date of a wall time: the first one if it comes twice, the end of the gap if it never comes. */
  dateOf(wall: number): number {
    const before = this.#offsetAt(wall - DAY_MS);
    const after = this.#offsetAt(wall + DAY_MS);
    if (before === after || this.#offsetAt(wall - before) === before) return wall - before;
    if (this.#offsetAt(wall - after) === after) return wall - after;
    return this.#findChange(wall - after, wall - before);
  }

  /**
   * The last wall time of those that come twice, where one of them is that of `date`, the second time.
   *
   * @param first The first date with the same wall time.
   */
  endOfTwice(first: number, date: number): number {
    return this.#findChange(first, date) + this.#offsetAt(first) - 1;
  }

  /** The first date with the offset of `high`, which is another one than that of `low`. */
  #findChange(low: number, high: number): number {
    const offset = this.#offsetAt(high);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetAt(middle) === offset) high = middle;
      else low = middle;
    }
    return high;
  }

  /** How far the wall clocks are ahead of UTC, in milliseconds. */
  #offsetAt(date: number): number {
    if (date >= this.#from && date <= this.#to) return this.#offset;
    const offset = this.#readOffset(date);
    const [from, to] = [date - 2 * DAY_MS, date + 2 * DAY_MS];
    // No zone changes twice within days.
    if (this.#readOffset(from) === offset && this.#readOffset(to) === offset) {
      [this.#from, this.#to, this.#offset] = [from, to, offset];
    }
    return offset;
  }

  #readOffset(date: number): number {
    const [month, day, year, hour, minute, second] = this.#format.format(date).match(/\d+/g)!
      .map(Number) as [number, number, number, number, number, number];
    const wall = Date.UTC(year, month - 1, day, hour, minute, second);
    return wall - Math.floor(date / 1000) * 1000;
  }
}
