import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { OPERATIONS } from "../../../../protocol.ts";
import { OPERATION_VERBS } from "../../../../src/server/access/operation_verbs.ts";
import { type PermissionFields, VERBS } from "../../../../src/server/access/permissions.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import { FRAMES } from "./frame_caller.ts";
import { LINES } from "./line_caller.ts";
import { PAGE } from "./page_caller.ts";
import type { Found } from "./matrix_caller.ts";
import { CALLS, ROWS } from "./matrix_rows.ts";
import { MatrixWorld, TARGETS } from "./matrix_world.ts";
import { PolicyModel } from "./policy_model.ts";

/** The protocols. */
const CALLERS = [FRAMES, LINES, PAGE];

/** The patterns that each verb has in turn. */
const PATTERNS: readonly (readonly string[])[] = [
  ["orders"],
  ["ord*"],
  ["other"],
  ["orders.dead"],
  ["o*", "orders", "*ers*"],
  ["*"],
  ["*.dead"],
];

const POLICIES: readonly PermissionFields[] = [
  {},
  { admin: true },
  { metrics: true },
  ...VERBS.flatMap((verb) => PATTERNS.map((patterns) => ({ [verb]: patterns }))),
  { publish: ["orders"], inspect: ["other"] },
  { follow: ["orders"], manage: ["other"] },
  { publish: ["*"], follow: ["*"], inspect: ["*"], manage: ["*"] },
];

/** A refusal names what is needed, the stream and the user, whether the stream exists or not. */
function checkSentence({ outcome, message }: Found, target: string, hasTarget: boolean): void {
  if (outcome !== "FORBIDDEN") return;
  assertStringIncludes(message!, 'user "app" has no permission to ');
  if (hasTarget) assertStringIncludes(message!, `"${target}"`);
}

/** Of most policies one of so many has its turn in a cell: with each row another one. */
const STEP = chooseLength({ short: 3, long: 1 });
const OFFSET = chooseOffset(STEP);

let rowCount = 0;
let cellCount = 0;

for (const caller of CALLERS) {
  for (const call of CALLS) {
    const act = caller.calls[call];
    if (act === undefined) continue;
    const { hasTarget, expect } = ROWS[call];
    Deno.test(`${call} by ${caller.name} does what permissions allow`, async () => {
      const first = (OFFSET + rowCount++) % STEP;
      for (const policy of POLICIES.filter((_, at) => at < 2 || at % STEP === first)) {
        for (const target of hasTarget ? TARGETS : TARGETS.slice(0, 1)) {
          await using world = await MatrixWorld.create(policy);
          const found = await act(world, target);
          const cell = `${JSON.stringify(policy)} for ${target}`;
          assertEquals(found.outcome, expect(new PolicyModel(policy), target), cell);
          checkSentence(found, target, hasTarget);
          cellCount++;
        }
      }
    });
  }
}

Deno.test("the matrix has about three thousand cells", () => {
  // Only if all tests of this file run; a filter leaves some out.
  if (cellCount > 0) assertGreater(cellCount, 2900 / STEP);
});

Deno.test("every operation is in the matrix, allowed to everybody, or for nobody", () => {
  const inRows = new Set<string>(Object.values(ROWS).flatMap(({ operations }) => operations));
  for (const [operation, need] of Object.entries(OPERATION_VERBS)) {
    assert(typeof need === "string" || inRows.has(operation), operation);
  }
  for (const operation of OPERATIONS) assert(inRows.has(operation), operation);
});
