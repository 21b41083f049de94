import { HttpProblem } from "../http_problem.ts";

/** What is looked at of a request. */
interface Asked {
  readonly request: Pick<Request, "method" | "headers">;
  readonly url: Pick<URL, "host">;
}

/** What a browser says of a request that the page itself, or its user, has caused. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

/**
 * Refuses requests that another site has the browser of a user send. Cookies, and being on this machine,
 * go along with those, too.
 *
 * A change needs an `Origin` that is the address of the page. `Sec-Fetch-Site` has to say the same where
 * browsers send it: they do not to an address without TLS that is not on this machine. Who shows a token needs
 * neither, since no browser sends it by itself.
 *
 * @throws {HttpProblem} `CROSS_SITE`.
 */
export function refuseCrossSite({ request: { method, headers }, url }: Asked): void {
  // Browsers send the other kinds by themselves.
  if (/^Bearer /i.test(headers.get("authorization") ?? "")) return;
  const site = headers.get("sec-fetch-site");
  if (site !== null && !OWN_SITES.has(site)) {
    throw refusal(`found Sec-Fetch-Site: ${site.slice(0, 40)}, allowed same-origin`);
  }
  if (method === "GET" || method === "HEAD") return;
  const origin = headers.get("origin");
  if (origin === null) throw refusal("found no Origin, allowed that of the page, or a token");
  const own = headers.get("host") ?? url.host;
  if (hostOf(origin) === own.toLowerCase()) return;
  throw refusal(`found another Origin than ${own}, allowed that of the page`);
}

function hostOf(origin: string): string | undefined {
  const [, host] = /^https?:\/\/([^/?#@\s]+)$/i.exec(origin) ?? [];
  return host?.toLowerCase();
}

function refusal(why: string): HttpProblem {
  return new HttpProblem(403, "CROSS_SITE", `Cannot do what another site asks for: ${why}`);
}
