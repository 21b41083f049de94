/** Reads cron expressions; the grammar and the time zones are a library's, the rules know only dates. */
export interface CronReader {
  /** Loads the library: nothing is parsed before. */
  load(): Promise<void>;
  /**
   * Checks an expression.
   *
   * @param expression Five fields, or six with seconds in front.
   * @param timeZone The name of a zone.
   * @throws {BrokerError} `BAD_REQUEST` if one of them is not allowed, or no date ever comes.
   */
  check(expression: string, timeZone: string): void;
  /**
   * The dates of an expression that was checked before.
   *
   * @throws {BrokerError} `BAD_REQUEST` if the zone is not known any more.
   */
  read(expression: string, timeZone: string): CronDates;
}

/** The dates of an expression in its zone. */
export interface CronDates {
  /** The first date after another one, both in milliseconds since 1970; undefined if none comes. */
  next(after: number): number | undefined;
}
