import { BrokerError } from "../../../../../protocol.ts";
import { withDefault } from "../../../../protocol/frames/json_fields.ts";
import { PEEK_BYTES_MAX } from "../../../../protocol/limits.ts";
import { describeNeed, refuse } from "../../../access/refusal.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, readQuery, readValue, wholeText } from "../page_input.ts";
import { HAND_MESSAGE, publishByHand } from "./hand_publisher.ts";
import { MessageFilter, WISHES } from "./message_filter.ts";
import { scanMessages } from "./message_scan.ts";
import { PeekedEntry } from "./peeked_entry.ts";

/** How many messages are shown at once. */
const LIST_MAX = 200;
const LIST_DEFAULT = 50;

/** How much of a body is shown in a list, in bytes. */
const PREVIEW_MAX = 4096;
const PREVIEW_DEFAULT = 200;

/** How much of one message's body is shown, in bytes; the rest can be loaded. */
const BODY_SHOWN_MAX = PEEK_BYTES_MAX;

/** The part of a message by hand that is not its body, in bytes. */
const BESIDE_BODY_BYTES = 64 * 1024;

/** The largest message by hand, in bytes of JSON: nobody types more, and it is held in memory as a whole. */
const HAND_BYTES_MAX = 8 * 1024 * 1024;

const ID = wholeText(1, Number.MAX_SAFE_INTEGER);

const LIST = {
  limit: withDefault(wholeText(1, LIST_MAX), LIST_DEFAULT),
  preview: withDefault(wholeText(0, PREVIEW_MAX), PREVIEW_DEFAULT),
  from: withDefault(ID, 1),
};

/**
 * The routes of messages.
 *
 * @param bodyBytesMax The largest body that the broker takes.
 */
export function makeMessageRoutes(bodyBytesMax: number): HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/streams/:name/messages",
      need: "session",
      handle: listMessages,
    },
    {
      method: "POST",
      path: "/api/streams/:name/messages",
      need: "session",
      // A character can take six in JSON, and bytes take a third more as base64.
      bodyBytesMax: Math.min(6 * bodyBytesMax + BESIDE_BODY_BYTES, HAND_BYTES_MAX),
      handle: publish,
    },
    {
      method: "GET",
      path: "/api/streams/:name/messages/:id",
      need: "session",
      handle: async (request) => writeJson((await find(request)).tell(BODY_SHOWN_MAX)),
    },
    {
      method: "GET",
      path: "/api/streams/:name/messages/:id/body",
      need: "session",
      handle: download,
    },
    {
      method: "GET",
      path: "/api/streams/:name/search",
      need: "session",
      handle: search,
    },
  ];
}

async function listMessages(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  const { from, limit, preview } = readQuery(request, LIST);
  // One more shows whether there are more.
  const entries = PeekedEntry.list(await engine.peek(name, from, limit + 1));
  const shown = entries.slice(0, limit);
  // An answer may be cut by its size as well.
  const last = shown.at(-1)?.info.id ?? 0;
  const more = entries.length > limit ? [] : (await engine.peek(name, last + 1, 1)).infos;
  const next = entries[limit]?.info.id ?? (shown.length === 0 ? undefined : more[0]?.id);
  return writeJson({
    messages: shown.map((entry) => entry.tell(preview)),
    ...next !== undefined && { next },
  });
}

async function find({ engine, params: { name = "", id } }: HttpRequest): Promise<PeekedEntry> {
  const wanted = readValue(ID, id, "id");
  const [entry] = PeekedEntry.list(await engine.peek(name, wanted, 1));
  if (entry?.info.id === wanted) return entry;
  throw new BrokerError(
    "MESSAGE_NOT_FOUND",
    `Cannot find message ${wanted} of "${name}": it is gone, or was never stored`,
  );
}

/** A browser never shows what a message has: it might be a page of somebody else. */
async function download(request: HttpRequest): Promise<Response> {
  const { body } = await find(request);
  const { name = "", id } = request.params;
  return new Response(body.slice(), {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(body.length),
      "content-disposition": `attachment; filename="${name.replace(/[^\w.-]/g, "_")}-${id}.bin"`,
    },
  });
}

async function search(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" } } = request;
  const query = readQuery(request, {
    ...LIST,
    ...WISHES,
    until: withDefault(ID, 0),
  });
  const { from, limit, preview } = query;
  const filter = new MessageFilter(query);
  const found: unknown[] = [];
  const range = { from, until: query.until || undefined };
  const scan = await scanMessages(engine, name, range, (entry) => {
    if (filter.matches(entry)) found.push(entry.tell(preview));
    return found.length < limit;
  });
  return writeJson({ messages: found, ...scan });
}

async function publish(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, parts, user, address } = request;
  // Who may not publish is told so before the broker reads a large body.
  if (!user.permissions.may("publish", name)) {
    throw refuse(parts.access.audit, user, { ...describeNeed("publish", name), stream: name });
  }
  const message = await readBody(request, HAND_MESSAGE);
  const outcome = await publishByHand(engine, name, message, parts.settings.limits.messageBytes);
  const subject = { stream: name, id: outcome.id, peer: address };
  parts.sessionLog.noteChange("message published by hand", { subject, user: user.name });
  return writeJson(outcome, 201);
}
