/**
 * The error of everything that was waiting, or is asked for, when a connection is closed for good.
 *
 * @module
 */

/**
 * The connection is closed and will not come back by itself: it was closed here, or the broker
 * refused it in a way that trying again cannot mend (`cause` tells). Or it was lost, and with it the
 * answer to a request that is not sent again, or not any more after five repetitions.
 */
export class ConnectionClosedError extends Error {
  /**
   * Creates the error.
   *
   * @param message What could not be done.
   * @param options Why the connection was closed.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionClosedError";
  }
}
