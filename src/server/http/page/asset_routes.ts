import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { HttpProblem } from "../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../http_route.ts";
import type { PageAsset } from "./assets/page_assets.ts";

/** Files below this size gain nothing from being compressed, in bytes. */
const GZIP_BYTES_MIN = 1024;

/** A file as it is sent; made when it is asked for first. */
class ServedAsset {
  readonly #asset: PageAsset;
  #made:
    | { readonly tag: string; readonly plain: Uint8Array; readonly packed?: Uint8Array }
    | undefined;

  constructor(asset: PageAsset) {
    this.#asset = asset;
  }

  answer({ headers: asked }: Request): Response {
    this.#made ??= this.#make();
    const { tag, plain, packed } = this.#made;
    const headers = {
      "content-type": this.#asset.type,
      // Another version of the broker has other files at the same paths.
      "cache-control": "no-cache",
      "etag": tag,
      "vary": "accept-encoding",
    };
    const known = (asked.get("if-none-match") ?? "").split(",").map((one) => one.trim());
    if (known.includes(tag)) return new Response(null, { status: 304, headers });
    const isPacked = packed !== undefined &&
      /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(asked.get("accept-encoding") ?? "");
    const bytes = isPacked ? packed : plain;
    return new Response(bytes.slice(), {
      headers: {
        ...headers,
        "content-length": String(bytes.length),
        ...isPacked && { "content-encoding": "gzip" },
      },
    });
  }

  #make() {
    const plain = new TextEncoder().encode(this.#asset.content);
    const hash = createHash("sha256").update(plain).digest("base64url").slice(0, 22);
    const packed = plain.length < GZIP_BYTES_MIN ? undefined : new Uint8Array(gzipSync(plain));
    return { tag: `W/"${hash}"`, plain, ...packed && { packed } };
  }
}

/** The files by their paths; loaded when somebody opens the page first, since most brokers have no page open. */
let files: Promise<ReadonlyMap<string, ServedAsset>> | undefined;

async function loadFiles(): Promise<ReadonlyMap<string, ServedAsset>> {
  const { PAGE_ASSETS } = await import("./assets/page_assets.ts");
  return new Map(PAGE_ASSETS.map((asset) => [asset.path, new ServedAsset(asset)]));
}

/** The routes of the page's files, which tell nothing of the broker and are for everybody. */
export function makeAssetRoutes(): HttpRoute[] {
  const below = ["/:name", "/:folder/:name", "/:folder/:part/:name"];
  return ["/", ...below.map((rest) => `/assets${rest}`)].map((path) => ({
    method: "GET",
    path,
    need: "nothing",
    handle: serveFile,
  }));
}

async function serveFile({ request, url }: HttpRequest): Promise<Response> {
  files ??= loadFiles();
  const file = (await files).get(url.pathname);
  if (file !== undefined) return file.answer(request);
  throw new HttpProblem(404, "NOT_FOUND", "Cannot answer: the page has no such file");
}
