import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "yaml";
import { type CheckList, readText, ROOT } from "./check_list.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<string, {
      readonly needs?: string;
      readonly "timeout-minutes"?: number;
      readonly permissions?: Readonly<Record<string, string>>;
      readonly steps: readonly Step[];
      readonly strategy?: { readonly matrix: { readonly target?: readonly string[] } };
    }>
  >;
}

const FOLDER = ".github/workflows";

function listNames(): string[] {
  return [...Deno.readDirSync(new URL(FOLDER, ROOT))].map(({ name }) => name).sort();
}

/** Checks the workflows as far as that is possible without their service. */
export async function checkWorkflows(list: CheckList): Promise<void> {
  const names = listNames();
  const workflows = new Map(names.map((name) => {
    return [name, parse(readText(`${FOLDER}/${name}`)) as Workflow] as const;
  }));
  await list.check(
    "workflows name their actions by commit, and have only the permissions they need",
    () => {
      assertEquals(names, ["check.yaml", "release.yaml"]);
      for (const [name, workflow] of workflows) {
        assertEquals(workflow.permissions, {}, name);
        for (const [id, job] of Object.entries(workflow.jobs)) {
          assert(
            job["timeout-minutes"] !== undefined && job.permissions !== undefined,
            `${name}: ${id}`,
          );
          for (const { uses } of job.steps) {
            if (uses) {
              assertMatch(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
            }
          }
        }
      }
    },
  );
  const release = workflows.get("release.yaml")!;
  await list.check("nothing is released before all checks, and everything on the tries", () => {
    const needs = Object.entries(release.jobs).map(([id, { needs }]) => [id, needs]);
    assertEquals(Object.fromEntries(needs), {
      check: undefined,
      executables: "check",
      try: "executables",
      publish: "try",
      jsr: "try",
      npm: "try",
      image: "try",
    });
    assertEquals(release.jobs.executables!.strategy!.matrix.target!.length, 5);
    const runs = (id: string) => release.jobs[id]!.steps.map(({ run = "" }) => run).join("\n");
    // Only root can check the container.
    assert(runs("check").includes("sudo --preserve-env=CI,PATH bash .ci/run"));
    assert(runs("publish").includes("SHA256SUMS"));
  });
  await list.check("workflows use tasks and versions that exist, the same ones everywhere", () => {
    const { tasks } = JSON.parse(readText("deno.json")) as { tasks: Record<string, unknown> };
    for (const [name, { jobs }] of workflows) {
      for (const { run = "" } of Object.values(jobs).flatMap(({ steps }) => steps)) {
        for (const [, task] of run.matchAll(/deno task (\S+)/g)) {
          assert(task! in tasks, `${name}: ${task}`);
        }
      }
    }
    const { command } = tasks.compile as { command: string };
    const compiled = release.jobs.executables!.steps.map(({ run = "" }) => run).join(" ");
    const plain = compiled.replaceAll(/ --(target|output) \S*\$\{\{[^}]*\}\}/g, "");
    assertEquals(plain.trim(), command.replace(/--output \S+ /, ""));
    const version = release.env!.DENO_VERSION!;
    const images = [
      ...readText("ops/container/Containerfile").matchAll(/^FROM .*denoland\/deno:\w+-(\S+)/gm),
    ];
    assertEquals(images.map(([, found]) => found), [version, version]);
    const [, minor] = /DENO_VERSION=(\S+)/.exec(readText(".ci/run")) ?? [];
    assert(version.startsWith(`${minor}.`), `.ci/run has ${minor}, the release ${version}`);
  });
}
