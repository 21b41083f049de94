/** Why no session could be opened with a broker. */
export class DialError extends Error {
  readonly #isMistake: boolean;

  /**
   * @param message The address and the reason, in a sentence.
   * @param isMistake Whether somebody has to change something before another attempt can succeed.
   * @param cause The error of the system.
   */
  constructor(message: string, isMistake: boolean, cause: unknown) {
    super(message, { cause });
    this.#isMistake = isMistake;
  }

  /** Whether somebody has to change something, such as an option or a certificate. */
  get isMistake(): boolean {
    return this.#isMistake;
  }
}
