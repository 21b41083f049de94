/**
 * Runs the client's npm package on Deno, two versions of Node and Bun, which are installed from npm for that, and
 * compiles a program that uses it with TypeScript.
 *
 * ```text
 * deno task test:runtimes [--only Bun] [--rounds 2]
 * ```
 *
 * The last line counts the cases, as `deno test` does. Throughput is printed as ratios to Deno's and
 * judged by nobody. Exit code 1 if a case has failed.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { print } from "../../bench/harness/print.ts";
import { readLines } from "../../bench/harness/process/child.ts";
import { writePackage } from "../../npm/build.ts";
import { installPackages, installRuntimes, runProgram, type Runtime } from "./runtime.ts";
import { Scene } from "./scene.ts";

const PROGRAMS = new URL("programs/", import.meta.url);

/** How TypeScript looks at the program: with the types of Node, and with those of browsers. */
const COMPILERS: readonly [name: string, options: object][] = [
  ["the types of Node", { lib: ["es2023"], types: ["node"] }],
  ["the types of browsers", { lib: ["es2023", "dom"], types: [] }],
];

/** What the programs need beside the client, which needs nothing. */
const PACKAGES = ["typescript@5", "@types/node@22", "@opentelemetry/sdk-trace-node@2"];

/** A program that takes longer hangs. */
const PROGRAM_MS_MAX = 120_000;

/** What was counted so far. */
const counts = { passed: 0, failed: 0 };

function count(isGood: boolean, what: string): void {
  if (isGood) counts.passed++;
  else counts.failed++;
  print(`${isGood ? "ok" : "FAILED"}  ${what}`);
}

/** Runs a program with its cases; counts how they went. */
async function runCases(project: string, runtime: Runtime, program: string, scene: Scene) {
  const args = scene.arguments[program as keyof Scene["arguments"]];
  const [path = "", ...flags] = [...runtime.command, `${program}.ts`, JSON.stringify(args)];
  const command = new Deno.Command(path, {
    args: flags,
    cwd: project,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), PROGRAM_MS_MAX);
  const stderr = new Response(child.stderr).text();
  let found = 0;
  for await (const line of readLines(child.stdout)) {
    if (line === "kill broker") await scene.killBroker();
    const [, verdict, name] = /^(ok|not ok) (.*)$/.exec(line) ?? [];
    if (verdict === undefined) {
      if (line !== "kill broker") print(`    ${line}`);
    } else {
      found++;
      count(verdict === "ok", `${runtime.name}: ${name}`);
    }
  }
  const { code } = await child.status;
  clearTimeout(timer);
  if (code !== 0 || found === 0) {
    print(await stderr);
    count(false, `${runtime.name}: ${program} ended with ${code} after ${found} cases`);
  }
  await stderr;
}

/** Measures the runtimes one after the other, so often; prints the best of each. */
async function measure(
  project: string,
  runtimes: readonly Runtime[],
  port: number,
  rounds: number,
) {
  const works = [{ name: "batches of 256", batch: 256, count: 300_000 }, {
    name: "each on its own",
    batch: 1,
    count: 4_000,
  }];
  for (const { name, ...work } of works) {
    const best = new Map<string, { rate: number; cpuMicros: number }>();
    for (let round = 0; round < rounds; round++) {
      for (const runtime of runtimes) {
        const args = JSON.stringify({ ...work, port, stream: `throughput` });
        const text = await runProgram([...runtime.command, "throughput.ts", args], project);
        const found = JSON.parse(text);
        if (found.rate > (best.get(runtime.name)?.rate ?? 0)) best.set(runtime.name, found);
      }
    }
    const [first] = best.values();
    print(`\nThroughput, 100-byte messages, ${name}, the best of ${rounds}:`);
    for (const [runtime, { rate, cpuMicros }] of best) {
      const ratio = `${Math.round(rate / first!.rate * 100)} %`.padStart(6);
      const cpu = `${cpuMicros.toFixed(1)} µs of CPU`.padStart(18);
      print(`  ${runtime.padEnd(16)} ${ratio} ${String(Math.round(rate)).padStart(9)}/s ${cpu}`);
    }
  }
}

/** Compiles a program as an application's authors do; nothing is let pass. */
async function compile(project: string, node: Runtime) {
  for (const [name, options] of COMPILERS) {
    const compilerOptions = {
      module: "nodenext",
      target: "es2023",
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      ...options,
    };
    const config = { compilerOptions, files: ["typed.ts"] };
    await Deno.writeTextFile(`${project}/tsconfig.json`, JSON.stringify(config));
    const what = `TypeScript, nodenext and strict, with ${name}`;
    try {
      await runProgram([...node.command, "node_modules/typescript/bin/tsc", "-p", "."], project);
      count(true, what);
    } catch (error) {
      print(String(error));
      count(false, what);
    }
  }
}

/** What somebody gets who takes the client into a browser. */
async function tryBrowser(project: string, node: Runtime) {
  const program = 'import("@simplemq/simplemq").catch((error) => console.log(error.message))';
  const args = ["--conditions=browser", "--input-type=module", "-e", program];
  const said = await runProgram([...node.command, ...args], project);
  count(/no TCP sockets in browsers/.test(said), "a browser is told what it lacks");
}

/** Makes a project with the package, as it would be installed from a registry. */
async function makeProject(folder: string): Promise<string> {
  const tarball = await writePackage(`${folder}/package`);
  const project = `${folder}/project`;
  await Deno.mkdir(project);
  await Deno.writeTextFile(`${project}/package.json`, '{ "type": "module", "private": true }');
  await installPackages(project, [tarball, ...PACKAGES]);
  for await (const { name } of Deno.readDir(PROGRAMS)) {
    await Deno.copyFile(new URL(name, PROGRAMS), `${project}/${name}`);
  }
  return project;
}

async function main(): Promise<void> {
  const flags = parseArgs(Deno.args, { string: ["only", "rounds"] });
  const started = performance.now();
  const folder = await Deno.makeTempDir({ prefix: "runtimes-" });
  try {
    const project = await makeProject(folder);
    const all = await installRuntimes(folder);
    const runtimes = all.filter(({ name }) => name.includes(flags.only ?? ""));
    const node = all.find(({ name }) => name.startsWith("Node"))!;
    await using scene = await Scene.start();
    for (const runtime of runtimes) {
      for (const program of Object.keys(scene.arguments)) {
        await runCases(project, runtime, program, scene);
      }
    }
    await compile(project, node);
    await tryBrowser(project, node);
    const rounds = Number(flags.rounds ?? 2);
    if (rounds > 0) await measure(project, runtimes, scene.broker.port, rounds);
  } catch (error) {
    print(error instanceof Error ? error.stack : String(error));
    count(false, "the run itself");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  const { passed, failed } = counts;
  print(`\n${failed > 0 ? "FAILED" : "ok"} | ${passed} passed | ${failed} failed (${seconds}s)`);
  if (failed > 0) Deno.exit(1);
}

if (import.meta.main) await main();
