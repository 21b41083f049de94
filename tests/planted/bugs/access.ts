import { type PlantedBug, tests } from "../planted_bug.ts";

const ACCESS = "src/server/access/access.ts";

/** Bugs of logins, and of the file of users. */
export const ACCESS_BUGS: readonly PlantedBug[] = [
  {
    what: "a file of users that is gone ends the sessions of all users",
    file: "src/server/access/users/users_watch.ts",
    from: "onFault: (fault) => this.#keep(explain(fault), report),",
    to: "onFault: () => access.replace({ users: new Map(), anonymous: undefined }),",
    found: tests("server/access/users/users_watch_test.ts"),
  },
  {
    what: "a session goes on when its user or its token is gone",
    file: ACCESS,
    from: "this.#endInvalid();\n    for (const user of changed)",
    to: "for (const user of changed)",
    found: tests("server/access/access_test.ts"),
  },
  {
    what: "a token that has expired lets in",
    file: "src/server/access/users/user_table.ts",
    from: "return isSame && found !== undefined && now < found.expiresAt ? found : undefined;",
    to: "return isSame && found !== undefined && now !== 0 ? found : undefined;",
    found: tests("server/access/users/user_table_test.ts"),
  },
  {
    what: "a wrong token is as good as none where nobody needs one",
    file: ACCESS,
    from: 'throw new LoginRefusal(REFUSED, "the token is unknown or has expired", "token");',
    to: 'if (users.anonymous === undefined) throw new LoginRefusal(REFUSED, token, "token");',
    found: tests("server/access/access_test.ts"),
  },
  {
    what: "a token is found in the log",
    file: "src/server/log.ts",
    from: "cut(hideWholeTokens(toText(value)))",
    to: "cut(toText(value))",
    found: tests("server/token_text_test.ts"),
  },
  {
    what: "a failed login is answered at once",
    file: "src/server/flow/session_login.ts",
    from: "await Promise.race([held, gone]);",
    to: "await Promise.race([held, gone, undefined]);",
    found: tests("server/access/login_test.ts"),
  },
  {
    what: "a line is as long as a message before its sender has a user",
    file: "src/server/json_lines/line_session.ts",
    from: "needsCredential ? HANDSHAKE_BYTES_MAX : findLineBytesMax(outlet)",
    to: "needsCredential && HANDSHAKE_BYTES_MAX < 0 ? 0 : findLineBytesMax(outlet)",
    found: tests("server/access/login_test.ts"),
  },
  {
    what: "an address with many failed logins opens as many connections as it likes",
    file: "src/server/access/login_guard.ts",
    from: "if (suspect.admitted.has(now) && this.#admitted.has(now)) {",
    to: "if (suspect.admitted.has(now) || this.#admitted.has(now)) {",
    found: tests("server/access/login_guard_test.ts"),
  },
];
