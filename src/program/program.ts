/**
 * What the command line loads when it needs more than itself: the broker, and the tools for journals.
 *
 * @module
 */

export { cluster } from "./cluster_tools.ts";
export { journal } from "./journal_tools.ts";
export { start as serve } from "./start.ts";
