import { Logger } from "graphile-worker";

/** Says nothing: the worker writes a line for each job. */
export const QUIET: Logger = new Logger(() => () => {});
