/**
 * Options of `connect`, of URLs and of the environment: what is not allowed is told before anything is
 * sent, and without a word of a token.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { connect, type ConnectOptions } from "@simplemq/simplemq";
import { resolveTargets } from "../../../src/client/dialing/connect_options.ts";
import { readServerAddress } from "../../../src/client/dialing/server_address.ts";
import { startBroker } from "../../support/broker/broker.ts";
import { TestCertificates } from "../../support/certificates/test_certificates.ts";
import { Random } from "../../support/random.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { runClient } from "../support.ts";

/** A token, and parts of it that must not be shown either. */
const CANARY = "smq_canary-canary-canary-canary-canary-canary12345";

/** Connects with options of any kind; resolves to the error, which shows nothing of a token. */
async function fail(options: object): Promise<Error> {
  const error = await assertRejects(() => connect(options as ConnectOptions), Error);
  for (const shown of [Deno.inspect(error), error.stack ?? "", String(error.cause)]) {
    assert(!shown.includes("canary"), "a token is shown");
  }
  return error;
}

/** Sets variables of the environment while something is done. */
async function withVariables(
  variables: Readonly<Record<string, string>>,
  action: () => Promise<void>,
): Promise<void> {
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  try {
    await action();
  } finally {
    for (const name of Object.keys(variables)) Deno.env.delete(name);
  }
}

const HOSTS = "allowed are host:port, smq://host:port and smqs://token@host:port";

Deno.test("addresses that cannot be one are refused, and nothing of a token is shown", async () => {
  const cases: readonly [unknown, ErrorConstructor, string][] = [
    [9090, TypeError, "servers[0] must be a string, found number"],
    ["", TypeError, `servers[0] is empty; ${HOSTS}`],
    ["http://localhost:9090", TypeError, `servers[0] begins with http://; ${HOSTS}`],
    [`https://${CANARY}@localhost`, TypeError, `servers[0] begins with https://; ${HOSTS}`],
    ["smq://", TypeError, `servers[0] has no host; ${HOSTS}`],
    [":9090", TypeError, `servers[0] has no host; ${HOSTS}`],
    ["my host:9090", TypeError, `servers[0] has a host that cannot be one; ${HOSTS}`],
    ["smqs://ho%73t", TypeError, `servers[0] has a host that cannot be one; ${HOSTS}`],
    ["[::1", TypeError, "servers[0] has more than one colon; an IPv6 address is written in"],
    ["[localhost]:9090", TypeError, `servers[0] has a host that cannot be one; ${HOSTS}`],
    ["::1", TypeError, "servers[0] has more than one colon; an IPv6 address is written in"],
    ["localhost:", RangeError, "the port of servers[0] is no number, allowed are 1 to 65535"],
    ["localhost:port", RangeError, "the port of servers[0] is no number"],
    ["localhost:0", RangeError, "the port of servers[0] is 0, allowed are whole numbers from 1"],
    ["localhost:65536", RangeError, "the port of servers[0] is 65536, allowed are whole numbers"],
    ["localhost:1e3", RangeError, "the port of servers[0] is no number"],
    ["smq://localhost:9090/path", TypeError, "servers[0] has a path, or something else behind"],
    ["localhost:9090?x", TypeError, "servers[0] has a path, or something else behind"],
    [`${CANARY}@localhost:9090`, TypeError, `servers[0] has an @ and is no URL; ${HOSTS}`],
    [`smqs://app:${CANARY}@localhost`, TypeError, "servers[0] has a user and a password; there"],
    [`smqs://${CANARY}/x@localhost`, TypeError, "servers[0] has a / ? # or @ before its host"],
    [`smqs://${CANARY}@x@localhost`, TypeError, "servers[0] has a / ? # or @ before its host"],
    [`smqs://localhost/${CANARY}@`, TypeError, "servers[0] has a / ? # or @ before its host"],
    [
      "smqs://@localhost",
      RangeError,
      "the token of servers[0] is empty, allowed are 1 to 512 characters",
    ],
    [`smqs://${CANARY}%@localhost`, TypeError, "the token of servers[0] has a % without two"],
    [`smqs://${CANARY}%20@localhost`, RangeError, "character 51 of the token of servers[0] is not"],
    [`smqs://${CANARY.repeat(11)}@localhost`, RangeError, "the token of servers[0] has 550 char"],
    [`smqs://${CANARY.slice(0, 47)}:9090`, TypeError, "servers[0] has a token where its host"],
  ];
  for (const [server, type, text] of cases) {
    const error = await fail({ servers: [server] });
    assertInstanceOf(error, type);
    assert(error.message.startsWith(`Cannot connect: ${text}`), error.message);
  }
});

Deno.test("options of connect() that do not go together, or are of the wrong kind, are refused", async () => {
  const cases: readonly [object, ErrorConstructor, string][] = [
    [{ servers: [] }, RangeError, "0 servers are given, allowed are 1 to 100"],
    [{ servers: Array(101).fill("a") }, RangeError, "101 servers are given, allowed are 1 to 100"],
    [{ servers: [,] }, TypeError, "servers[0] must be a string, found undefined"],
    [{ servers: "localhost" }, TypeError, "servers must be a list of texts, found string"],
    [{ servers: ["a"], port: 1 }, TypeError, "servers and port exclude each other"],
    [{ servers: ["a"], hostname: "a" }, TypeError, "servers and hostname exclude each other"],
    [{ hostname: 1 }, TypeError, "hostname must be a string, found number"],
    [{ hostname: "" }, TypeError, "hostname is empty; allowed is"],
    [{ hostname: `smqs://${CANARY}@a` }, TypeError, "hostname has characters that are not allowed"],
    [{ hostname: CANARY.slice(0, 47) }, TypeError, "hostname has characters that are not allowed"],
    [{ port: "9090" }, TypeError, "port must be a number, found string"],
    [{ port: 0 }, RangeError, "port is 0, allowed are whole numbers from 1 to 65535"],
    [{ token: 1 }, TypeError, "token must be a string, found number"],
    [{ token: "" }, RangeError, "token is empty, allowed are 1 to 512 characters"],
    [{ token: `${CANARY}\n` }, RangeError, "character 51 of token is not allowed"],
    [{ token: `${CANARY}ä` }, RangeError, "character 51 of token is not allowed"],
    [
      { token: "x".repeat(513) },
      RangeError,
      "token has 513 characters, allowed are 1 to 512 characters",
    ],
    [{ token: CANARY, tokenFile: "a" }, TypeError, "token and tokenFile exclude each other"],
    [{ tokenFile: "" }, TypeError, "tokenFile must be a path, found an empty one"],
    [{ tokenFile: CANARY }, TypeError, "tokenFile has a token in it, that is not the path of"],
    [
      { tokenFile: `/run/${CANARY}` },
      TypeError,
      "tokenFile has a token in it, that is not the path",
    ],
    [{ tokenFile: 1 }, TypeError, "tokenFile must be a path, found number"],
    [{ tls: false }, TypeError, "tls must be true or an object, found false; leave it out"],
    [{ tls: "yes" }, TypeError, "tls must be true or an object, found string"],
    [{ tls: null }, TypeError, "tls must be true or an object, found null"],
    [{ tls: true, servers: ["a", "smq://b"] }, TypeError, "servers[1] is an smq:// URL, which"],
    [{ token: CANARY, servers: ["smqs://a", "b"] }, TypeError, "servers[1] is without TLS and"],
    [
      { token: CANARY, servers: ["smq://a", "smqs://b"] },
      TypeError,
      "servers[0] is without TLS and",
    ],
    [
      { token: CANARY, servers: ["smqs://a@a", "smqs://b", "smq://c@c"] },
      TypeError,
      "servers[2] is without TLS and",
    ],
  ];
  for (const [options, type, text] of cases) {
    const error = await fail(options);
    assertInstanceOf(error, type);
    assert(error.message.startsWith(`Cannot connect: ${text}`), error.message);
  }
  const unknown = await fail({ tls: { rejectUnauthorized: false } });
  assertEquals(
    unknown.message,
    'Cannot connect with tls: there is no option "rejectUnauthorized"; ' +
      "known are ca, cert, key, serverName",
  );
});

Deno.test("certificates and keys that cannot be used are refused, and no key is shown", async () => {
  using certificates = new TestCertificates();
  const { ca } = certificates;
  const { certificate: cert, key } = certificates.makeClient("app");
  const other = certificates.makeClient("other");
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const cases: readonly [object, ErrorConstructor, string][] = [
    [{ ca: 1 }, TypeError, "tls.ca must be a text, found number"],
    [{ ca: [] }, RangeError, "tls.ca is empty, allowed is at least one certificate"],
    [{ ca: certificates.caFile }, TypeError, "tls.ca has no certificate; allowed is a PEM text"],
    [{ ca: [ca, broken] }, TypeError, "tls.ca[1] has a certificate that cannot be read"],
    [{ ca: key }, TypeError, "tls.ca has no certificate"],
    [
      { ca: ca.padEnd(2 ** 22 + 1) },
      RangeError,
      "tls.ca has 4194305 characters, allowed are 4194304",
    ],
    [{ cert }, TypeError, "tls.cert needs tls.key, which is not given"],
    [{ key }, TypeError, "tls.key needs tls.cert, which is not given"],
    [{ cert, key: 1 }, TypeError, "tls.key must be a text, found number"],
    [{ cert: "x", key }, TypeError, "tls.cert has no certificate"],
    [{ cert, key: "x" }, TypeError, "tls.key cannot be read; allowed is the PEM text"],
    [{ cert, key: other.key }, TypeError, "tls.key is not the key of tls.cert"],
    [{ serverName: 1 }, TypeError, "tls.serverName must be a string, found number"],
    [{ serverName: "" }, RangeError, "tls.serverName is no name"],
    [{ serverName: "a b" }, RangeError, "tls.serverName is no name"],
  ];
  for (const [tls, type, text] of cases) {
    const error = await fail({ tls });
    assertInstanceOf(error, type);
    assert(error.message.startsWith(`Cannot connect: ${text}`), error.message);
    for (const secret of [key, other.key]) {
      const line = secret.split("\n")[1]!;
      assert(!Deno.inspect(error).includes(line), "a key is shown");
    }
  }
});

Deno.test("files that hold no token are refused, and nothing of them is shown", async () => {
  const directory = await Deno.makeTempDir();
  const write = async (text: string) => {
    await Deno.writeTextFile(`${directory}/token`, text);
    return { tokenFile: `${directory}/token` };
  };
  try {
    const where = `${directory}/token (tokenFile)`;
    const cases: readonly [string, string][] = [
      [`${directory}/none`, `the token cannot be read from ${directory}/none (tokenFile): `],
      [directory, `the token cannot be read from ${directory} (tokenFile): it is no file`],
    ];
    for (const [tokenFile, text] of cases) {
      const { message } = await fail({ tokenFile });
      assert(message.startsWith(`Cannot connect: ${text}`), message);
    }
    const contents: readonly [string, string][] = [
      ["", `the token in ${where} is empty, allowed are 1 to 512 characters`],
      [" \n", `the token in ${where} is empty, allowed are 1 to 512 characters`],
      [`${CANARY}\n${CANARY}\n`, `character 51 of the token in ${where} is not allowed`],
      ["x".repeat(4097), `${where} has more than 4096 bytes, allowed is a token and nothing else`],
    ];
    for (const [content, text] of contents) {
      const { message } = await fail(await write(content));
      assert(message.startsWith(`Cannot connect: ${text}`), message);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("addresses are read in all their forms", () => {
  const read = (text: string) => {
    const { hostname, port, isEncrypted, token } = readServerAddress(text, "it", "Cannot connect");
    return [hostname, port, isEncrypted, token];
  };
  assertEquals(read("broker"), ["broker", 9090, undefined, undefined]);
  assertEquals(read("my_broker-1.example.:1"), ["my_broker-1.example.", 1, undefined, undefined]);
  assertEquals(read("10.0.0.1:65535"), ["10.0.0.1", 65535, undefined, undefined]);
  assertEquals(read("[::1]"), ["::1", 9090, undefined, undefined]);
  assertEquals(read("[fe80::1%eth0]:80"), ["fe80::1%eth0", 80, undefined, undefined]);
  assertEquals(read("smq://[::ffff:1.2.3.4]:80/"), ["::ffff:1.2.3.4", 80, false, undefined]);
  assertEquals(read("SMQS://broker"), ["broker", 9090, true, undefined]);
  assertEquals(read("smqs://a%2Fb%40%3A%25@broker"), ["broker", 9090, true, "a/b@:%"]);
  assertEquals(read("smq://token@[::1]:81"), ["::1", 81, false, "token"]);
});

Deno.test("however an address is mangled, its token is a token or is shown nowhere", () => {
  const { seed, numRuns } = fuzz(5000);
  const random = new Random(seed);
  const parts = ["smq", "smqs", "://", ":", "/", "@", "?", "#", "[", "]", "%", "%40", ",", " ", ""]
    .concat("localhost", "::1", "9090", "0", CANARY, CANARY, CANARY.slice(0, 47), "\n", "ä");
  let readCount = 0;
  for (let count = 0; count < numRuns; count++) {
    const text = Array.from({ length: 1 + random.below(8) }, () => random.pick(parts)).join("");
    const where = `with FUZZ_SEED=${seed}, ${JSON.stringify(text)}`;
    try {
      const { token: _, ...shown } = readServerAddress(text, "it", "Cannot connect");
      readCount++;
      assert(!JSON.stringify(shown).includes("canary"), where);
    } catch (error) {
      assert(error instanceof TypeError || error instanceof RangeError, `${where}: ${error}`);
      assert(!Deno.inspect(error).includes("canary"), where);
    }
  }
  assert(readCount > numRuns / 100, `only ${readCount} are addresses`);
});

Deno.test("a token is the option's, else the URL's, else the environment's", async () => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/token`;
  await Deno.writeTextFile(file, "\ufeff file\r\n");
  const tokensOf = async (options: ConnectOptions) => {
    const targets = await resolveTargets(options);
    return await Promise.all(targets.map(({ readToken }) => readToken?.()));
  };
  const servers = ["smqs://url@a", "b"];
  try {
    await withVariables({ SIMPLEMQ_TOKEN: " variable " }, async () => {
      assertEquals(await tokensOf({}), ["variable"]);
      assertEquals(await tokensOf({ servers }), ["url", "variable"]);
      const encrypted = ["smqs://url@a", "smqs://b"];
      assertEquals(await tokensOf({ servers: encrypted, token: "option" }), ["option", "option"]);
      assertEquals(await tokensOf({ servers: encrypted, tokenFile: file }), ["file", "file"]);
      // Whoever keeps the client from the first must not get its token from the second.
      await assertRejects(
        () => tokensOf({ servers: ["smqs://a", "b"] }),
        TypeError,
        "[1] is without",
      );
    });
    await withVariables({ SIMPLEMQ_TOKEN: " ", SIMPLEMQ_TOKEN_FILE: file }, async () => {
      assertEquals(await tokensOf({ servers }), ["url", "file"]);
      const [target] = await resolveTargets({});
      await Deno.writeTextFile(file, "new");
      assertEquals(await target!.readToken?.(), "new");
    });
    await withVariables(
      { SIMPLEMQ_TOKEN: "", SIMPLEMQ_TOKEN_FILE: "", SIMPLEMQ_SERVER: "" },
      async () => {
        assertEquals(await tokensOf({}), [undefined]);
      },
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("what the environment says is checked as options are, and only where it is used", async () => {
  await withVariables(
    { SIMPLEMQ_SERVER: `a, smqs://${CANARY}@`, SIMPLEMQ_TOKEN: "a b" },
    async () => {
      assertEquals(
        (await fail({})).message,
        `Cannot connect: server 2 of SIMPLEMQ_SERVER has no host; ${HOSTS}`,
      );
      assertEquals(
        (await fail({ hostname: "localhost" })).message.split(";")[0],
        "Cannot connect: character 2 of SIMPLEMQ_TOKEN is not allowed",
      );
      await using broker = await startBroker();
      await using connection = await connect({ port: broker.port, token: "x" });
      assertEquals(connection.broker.user, "local");
    },
  );
  await withVariables({ SIMPLEMQ_SERVER: " , " }, async () => {
    assertEquals(
      (await fail({})).message,
      "Cannot connect: 0 servers are given, allowed are 1 to 100",
    );
  });
  await withVariables({ SIMPLEMQ_SERVER: "smq://a" }, async () => {
    const { message } = await fail({ tls: true });
    assert(message.startsWith("Cannot connect: server 1 of SIMPLEMQ_SERVER is an smq:// URL"));
  });
  await withVariables({ SIMPLEMQ_TOKEN_FILE: "/none" }, async () => {
    assert((await fail({})).message.includes("/none (SIMPLEMQ_TOKEN_FILE): "));
  });
});

Deno.test("SIMPLEMQ_SERVER names the brokers of a client without an address", async () => {
  await using broker = await startBroker();
  await withVariables({ SIMPLEMQ_SERVER: `,localhost:${broker.port} ,` }, async () => {
    await using connection = await connect();
    assertEquals(await connection.cursor().getStreams(), []);
  });
});

Deno.test("without the permission for it the environment says nothing, and nobody is asked", async () => {
  await using broker = await startBroker();
  const shown = await runClient(
    `await using connection = await connect({ port: ${broker.port} });
    console.log(connection.broker.user);`,
    { SIMPLEMQ_TOKEN: "not allowed", SIMPLEMQ_SERVER: "smq://nowhere.invalid" },
  );
  assertEquals(shown, "local\n");
});
