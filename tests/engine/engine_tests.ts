/**
 * Tests of engines that can be run with each of them.
 *
 * @module
 */

import type { EngineUse } from "./engine_use.ts";

/** Registers one test: what the engine does, and how to see it. */
export type Register = (what: string, run: (use: EngineUse) => Promise<void>) => void;

/** Tests of one subject, to be registered for each engine. */
export class EngineTests {
  readonly #tests: Parameters<Register>[] = [];

  /** Adds a test. */
  add(...test: Parameters<Register>): void {
    this.#tests.push(test);
  }

  /** Registers all tests for an engine. */
  register(register: Register): void {
    for (const test of this.#tests) register(...test);
  }
}
