import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of the commands, and of the certificates that they make. */
export const COMMANDS_BUGS: readonly PlantedBug[] = [
  {
    what: "two commands that edit users at once lose what one of them has done",
    file: "src/server/commands/users/users_editor.ts",
    from: "if (!await isAt(file, temporary)) continue;",
    to: "await isAt(file, temporary);",
    found: tests("server/commands/users/users_editor_test.ts"),
  },
  {
    what: "a token file is left behind although the user was not added",
    file: "src/server/commands/users/token_outlet.ts",
    from: "if (file !== undefined) await Deno.remove(file).catch(() => {});",
    to: "",
    found: tests("server/commands/users/user_commands_test.ts"),
  },
  {
    what: "everybody on the machine can read the key of the authority",
    file: "src/server/commands/setup/cert.ts",
    from: "await createFile(keyPath, authority.key, 0o600);",
    to: "await createFile(keyPath, authority.key, 0o644);",
    found: tests("server/commands/cert_test.ts"),
  },
  {
    what: "anybody with a server's certificate can make certificates",
    file: "src/server/certificates/authority.ts",
    from: "extension(Oid.basicConstraints, sequence(), true),",
    to: "extension(Oid.basicConstraints, sequence(TRUE), true),",
    found: tests("server/certificates/authority_test.ts"),
  },
  {
    what: "commands: the token of the context in use goes to another server",
    file: "src/server/commands/connecting/broker_address.ts",
    from: "const entry = server === undefined ? await findEntry(name, context) : undefined;",
    to: "const entry = await findEntry(name, context);",
    found: tests("server/commands/client/connecting_test.ts"),
  },
  {
    what: "commands: a dry run is no dry run",
    file: "src/server/commands/output/confirmation.ts",
    from: "    return false;\n",
    to: "    return true;\n",
    found: tests("server/commands/client/stream_commands_test.ts"),
  },
  {
    what: "commands: what is only looked at counts an attempt",
    file: "src/server/commands/messages/follow.ts",
    from: "          await release(held);\n          break;",
    to: "          break;",
    found: tests("server/commands/client/message_commands_test.ts"),
  },
  {
    what: "commands: a message tells the terminal what to do",
    file: "src/server/commands/messages/follow.ts",
    from: "context.isTerminal ? escapeControls(text)",
    to: "context.isTerminal ? text",
    found: tests("server/commands/client/message_commands_test.ts"),
  },
];
