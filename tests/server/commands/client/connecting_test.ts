/**
 * How commands find their broker: flags, environment and contexts; and what they say when they do not.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BrokerUse } from "../../../support/commands/broker_use.ts";
import { runTyped, type Surroundings } from "../../../support/commands/typed.ts";

/** A directory for contexts, and commands in an environment with nothing else. */
class ContextUse implements Disposable {
  readonly directory: string = Deno.makeTempDirSync();
  readonly file: string = `${this.directory}/simplemq/contexts.yaml`;

  run(args: string, surroundings: Surroundings = {}) {
    const env = { XDG_CONFIG_HOME: this.directory, ...surroundings.env };
    return runTyped(args.split(" "), { ...surroundings, env });
  }

  /** Runs a command that is done; returns what it says and prints. */
  async done(args: string, surroundings?: Surroundings): Promise<string> {
    const { code, stdout, lines } = await this.run(args, surroundings);
    assertEquals(code, 0, lines.join("\n"));
    return stdout + lines.join("\n");
  }

  /** Runs a command that is refused; returns what it says. */
  async refused(code: number, args: string, surroundings?: Surroundings): Promise<string> {
    const outcome = await this.run(args, surroundings);
    assertEquals([outcome.code, outcome.stdout], [code, ""], outcome.lines.join("\n"));
    return outcome.lines.join("\n");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

const TOKEN = `smq_${"A".repeat(43)}`;

Deno.test("context: what cannot be is refused, all at once, and nothing is written", async () => {
  using use = new ContextUse();
  for (
    const [line, ...says] of [
      ["context add", /found 0 words/],
      ["context add a", /found no --server/],
      ["context add a/b --server c", /found "a\/b"/],
      [
        "context add a --server smq://t@b --client-key k --store-token --token-file f",
        /found a token in --server/,
        /one of --store-token and --token-file/,
        /--client-certificate and --client-key together/,
      ],
      ["context add a --server http://b", /found "http:\/\/b", allowed host:port/],
      [`context add a --server ${TOKEN}`, /found a token behind --server/],
      ["context add a --server b --store-token", /found no token on standard input/],
      ["context nowhere", /unknown command/],
    ] as [string, ...RegExp[]][]
  ) {
    const said = await use.refused(2, line);
    for (const rule of says) assertMatch(said, rule, line);
  }
  assertMatch(await use.refused(7, "context use a"), /there is none of that name, and none at all/);
  assertMatch(await use.refused(7, "context rm a"), /none at all; "context add" makes one/);
  assertEquals(await Array.fromAsync(Deno.readDir(use.directory)), []);
});

Deno.test("context: a file that cannot be used is told, with all mistakes and no token", async () => {
  using use = new ContextUse();
  await Deno.mkdir(`${use.directory}/simplemq`);
  for (
    const [text, ...says] of [
      ["[]", /found a list/],
      ["current: 1\nbroker: x", /current: found 1/, /unknown name "broker"/],
      [
        "contexts: {a: {}, b: 1, c: {server: x, tokn: y}, d: {server: 1}}",
        /"a": found no server/,
        /"b": found 1/,
        /"c": found "tokn", allowed server, token/,
        /"d": server: found number/,
      ],
      ["contexts: {a: {server: [", /found no valid YAML/],
    ] as [string, ...RegExp[]][]
  ) {
    await Deno.writeTextFile(use.file, text);
    const said = await use.refused(2, "stream ls");
    for (const rule of says) assertMatch(said, rule, text);
  }
  await Deno.writeTextFile(use.file, `contexts: {a: {server: x, token: {${TOKEN}: 1}}}`);
  assert(!(await use.refused(2, "context ls")).includes(TOKEN));
});

Deno.test("context: a broker gets a name, and its token goes to it alone", async () => {
  using use = new ContextUse();
  await using one = await BrokerUse.start();
  await one.fill("of-one");
  await using two = await BrokerUse.start();
  await two.fill("of-two");
  assertMatch(await use.done("context ls"), /There are no contexts; "context add" makes one/);
  await use.done(`context add one --server ${one.server}`);
  await use.done(`context add two --server smq://${two.server} --store-token`, {
    input: `${TOKEN}\n`,
  });
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(use.file)).mode! & 0o777, 0o600);
    assertEquals((await Deno.stat(`${use.directory}/simplemq`)).mode! & 0o777, 0o700);
  }
  const listed = await use.done("context ls --json");
  assert(!listed.includes(TOKEN));
  assertEquals(
    JSON.parse(listed).map((
      { name, isUsed, token }: Record<string, unknown>,
    ) => [name, isUsed, token]),
    [
      ["one", true, "none"],
      ["two", false, "stored"],
    ],
  );
  assertStringIncludes(await Deno.readTextFile(use.file), TOKEN);
  // A broker without users takes any token; the first context is in use.
  const names = async (args: string, env = {}) =>
    (await use.done(`stream ls --jsonl ${args}`.trim(), { env })).trim().split("\n")
      .map((line) => JSON.parse(line).name);
  assertEquals(await names(""), ["of-one"]);
  assertEquals(await names("--context two"), ["of-two"]);
  await use.done("context use two");
  assertEquals(await names(""), ["of-two"]);
  // A flag comes before the environment, and that before the context in use.
  assertEquals(await names("", { SIMPLEMQ_SERVER: one.server }), ["of-one"]);
  assertEquals(await names(`--server ${two.server}`, { SIMPLEMQ_SERVER: one.server }), ["of-two"]);
  assertEquals(await names("--context one", { SIMPLEMQ_SERVER: two.server }), ["of-one"]);
  assertMatch(await use.refused(7, "stream ls --context too"), /the nearest known one is "two"/);
  assertMatch(await use.done("context rm two"), /removed\.\nNone is in use now/);
  assertMatch(
    await use.refused(7, "stream ls --context two"),
    /allowed "one"|nearest known one is "one"/,
  );
});

/** A file of users with one who may do everything, and one who may look at `mails`. */
async function startWithUsers(): Promise<{ use: BrokerUse; tokens: string[]; directory: string }> {
  const directory = await Deno.makeTempDir();
  const users = `${directory}/users.yaml`;
  const tokens: string[] = [];
  for (const [name, ...flags] of [["ann", "--admin"], ["bob", "--inspect", "mails"]]) {
    const { stdout } = await runTyped([
      "user",
      "add",
      name!,
      ...flags,
      "--users",
      users,
      "--print",
    ]);
    tokens.push(stdout.trim());
  }
  return { use: await BrokerUse.start({ users }), tokens, directory };
}

Deno.test("users: tokens of a file, of the environment and of a context; 6 without one", async () => {
  const { use, tokens: [ann = "", bob = ""], directory } = await startWithUsers();
  await using _ = use;
  using contexts = new ContextUse();
  try {
    await use.fill("mails");
    await use.fill("orders", "x");
    assertMatch(await use.fail(6, "stream ls"), /UNAUTHORIZED\)\nShow a token: --token-file/);
    await Deno.writeTextFile(`${directory}/ann.token`, `${ann}\n`);
    const count = async (args: string, env = {}) =>
      (await use.print(`stream ls --jsonl${args}`, { env })).trim().split("\n").length;
    assertEquals(await count(` --token-file ${directory}/ann.token`), 2);
    assertEquals(await count("", { SIMPLEMQ_TOKEN: ann }), 2);
    assertEquals(await count("", { SIMPLEMQ_TOKEN_FILE: `${directory}/ann.token` }), 2);
    // A flag comes before the environment.
    assertEquals(await count(` --token-file ${directory}/ann.token`, { SIMPLEMQ_TOKEN: bob }), 2);
    assertEquals(await count("", { SIMPLEMQ_TOKEN: bob }), 1);
    const asBob = { env: { SIMPLEMQ_TOKEN: bob } };
    assertMatch(await use.fail(6, "stream info orders", asBob), /\(FORBIDDEN\)$/);
    assertMatch(await use.fail(6, "publish mails x", asBob), /\(FORBIDDEN\)$/);
    assertMatch(await use.fail(6, "stream purge mails --yes", asBob), /\(FORBIDDEN\)$/);
    // What may not be seen is left out of an explanation, not refused.
    await use.print("explain mails", asBob);
    const server = `--server ${use.server}`;
    await contexts.done(`context add a ${server} --token-file ${directory}/ann.token`);
    assertMatch(await contexts.done("stream ls"), /orders/);
    // The token of the context in use is not shown to a server that is named.
    assertMatch(await contexts.refused(6, `stream ls ${server}`), /UNAUTHORIZED/);
    assertMatch(
      await use.fail(2, `stream ls --token-file ${directory}/none`),
      /^Cannot read .*none: there is no such file$/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("no broker: exit code 5, and what to do", async () => {
  // Nobody listens at the port of a broker that has ended.
  const use = await BrokerUse.start();
  await use[Symbol.asyncDispose]();
  assertMatch(
    await use.fail(5, "stream ls"),
    /^Cannot connect to a broker at localhost:\d+: .*refused/,
  );
  assertMatch(await use.fail(5, `stream ls --server ${use.server}`), /refused/);
  assertMatch(await use.fail(2, "stream ls --server a:b"), /is no number/);
  assertMatch(await use.fail(2, "stream ls --ca /nowhere.pem"), /Cannot read \/nowhere\.pem/);
});

Deno.test("a broker that does not answer in time: exit code 124", async () => {
  using listener = Deno.listen({ port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const { code, lines } = await runTyped(
    ["stream", "ls", "--server", `localhost:${port}`, "--timeout", "50ms"],
  );
  assertEquals(code, 124);
  assertMatch(lines.join("\n"), /The time is over: it was not done within 50ms/);
});

Deno.test("files that are not there are told in one way, and nothing is connected", async () => {
  using use = new ContextUse();
  for (const flag of ["--token-file", "--ca", "--client-key"]) {
    const said = await use.refused(2, `info --server localhost:1 ${flag} nothere`);
    assertEquals(said, "Cannot read nothere: there is no such file");
  }
});

Deno.test("what is wrong with an address is told in the flags of the command line", async () => {
  using use = new ContextUse();
  const said = await use.refused(2, "info --server localhost:99999");
  assertMatch(said, /the port of --server/);
  const path = await Deno.makeTempFile({ dir: use.directory });
  await Deno.writeTextFile(path, "");
  const other = await use.refused(2, "info --server a:b:c");
  assert(!/token@|servers\[/.test(other), other);
});

Deno.test("a port of something else is no broker", async () => {
  using use = new ContextUse();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => new Response("hello"),
  );
  const said = await use.refused(5, `info --server 127.0.0.1:${server.addr.port}`);
  assertStringIncludes(said, "is this the port of a broker?");
});
