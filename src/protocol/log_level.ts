/** The level of a line in a broker's log, and the minimum level of the log. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** The levels of a broker's log, the least serious first. */
export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error"];
