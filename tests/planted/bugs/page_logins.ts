import { type PlantedBug, tests } from "../planted_bug.ts";

const PAGE = "src/server/http/page";

/** Bugs of logins on the page, and of what it lets others do. */
export const PAGE_LOGIN_BUGS: readonly PlantedBug[] = [
  {
    what: "a change that another site asks for is made",
    file: `${PAGE}/cross_site.ts`,
    from: "if (hostOf(origin) === own.toLowerCase()) return;",
    to: "if (hostOf(origin)?.startsWith(own.toLowerCase())) return;",
    found: tests("server/http/page/cross_site_test.ts"),
  },
  {
    what: "a session of the page goes on after the logout",
    file: `${PAGE}/sessions/web_session.ts`,
    from: "this.#onEnd(this);",
    to: "void this.#onEnd;",
    found: tests("server/http/page/sessions_test.ts"),
  },
  {
    what: "a user of the page who is no administrator any more still has the whole engine",
    file: `${PAGE}/sessions/web_session.ts`,
    from: "this.#login = this.#logIn();\n    } catch",
    to: "} catch",
    found: tests("server/http/page/sessions_test.ts"),
  },
  {
    what: "several passwords are hashed at once",
    file: "src/server/access/users/password_queue.ts",
    from: "this.#last = turn.catch(() => {});",
    to: "void turn.catch(() => {});",
    found: tests("server/access/users/password_test.ts"),
  },
  {
    what: "an unknown user is refused sooner than a wrong password",
    file: "src/server/access/shown_proofs.ts",
    from: 'verifyPassword(isPossible ? password : "", passwordHash ?? NOBODYS_HASH)',
    to: 'verifyPassword(isPossible ? password : "", passwordHash ?? "")',
    found: tests("server/access/users/password_test.ts"),
  },
  {
    what: "an address goes on guessing passwords",
    file: "src/server/access/login_guard.ts",
    from: "return this.#suspects.get(findNetwork(address))?.isHeldBack(now) !== true;",
    to: "return this.#suspects.get(findNetwork(address))?.isHeldBack(now) !== null;",
    found: tests("server/http/page/sessions_test.ts"),
  },
  {
    what: "the page lists streams that its user may not see",
    file: `${PAGE}/streams/stream_list.ts`,
    from: "isSeen: ({ name }) => permissions.maySee(name),",
    to: "isSeen: ({ name }) => name !== undefined,",
    found: tests("server/access/matrix/matrix_test.ts"),
  },
  {
    what: "messages are swept although the filter is spelt wrong",
    file: `${PAGE}/messages/sweep_routes.ts`,
    from: "if (unknown === undefined) return wishes;",
    to: "if (unknown !== null) return wishes;",
    found: tests("server/http/page/api_test.ts"),
  },
  {
    what: "a dry run sends dead letters back",
    file: `${PAGE}/messages/sweep_routes.ts`,
    from: "const isDone = !asked.dryRun && found.length > 0;",
    to: "const isDone = found.length > 0;",
    found: tests("server/http/page/api_test.ts"),
  },
];
