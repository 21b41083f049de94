/**
 * The connection is closed for good: `close()` was called, or the broker refused the client in a way
 * that another attempt cannot mend (`cause` is the reason).
 *
 * Calls that may not be repeated also fail with this error when the connection is lost before their answer.
 * Whether they were carried out is then unknown.
 */
export class ConnectionClosedError extends Error {
  /**
   * Creates an error.
   *
   * @param message What could not be done.
   * @param options `cause` is the reason why the connection was closed.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConnectionClosedError";
  }
}
