import type { MessageBody, SendOptions } from "../../../../client.ts";
import { describe } from "../../settings/found_value.ts";
import type { Arguments, Flag } from "../arguments.ts";
import type { FlagReader } from "../flag_reader.ts";

/** What a body can be. */
export const BODY_KINDS = ["text", "json", "bytes"] as const;

/** What is said of a message beside its body. */
export type MessageOptions = Pick<
  SendOptions,
  "headers" | "key" | "lane" | "priority" | "delayMs" | "ttlMs"
>;

/** The flags of a message. */
export const MESSAGE_FLAGS: readonly Flag[] = [
  { name: "key", value: "<text>", about: "The key: messages of one key are worked on in order" },
  { name: "lane", value: "<text>", about: "Whose it is: lanes take turns" },
  { name: "priority", value: "<0-9>", about: "The priority; 4 by default, higher goes first" },
  { name: "delay", value: "<span>", about: "When it is delivered: after so long" },
  { name: "ttl", value: "<span>", about: "How long it may wait to be delivered" },
  {
    name: "header",
    value: "<name=value>",
    isList: true,
    about: "A header; the flag may come again",
  },
];

/** Reads the flags of a message. */
export function readMessageOptions(args: Arguments, reader: FlagReader): MessageOptions {
  const headers: Record<string, string> = {};
  for (const header of args.all("header")) {
    const at = header.indexOf("=");
    if (at > 0) headers[header.slice(0, at)] = header.slice(at + 1);
    else reader.refuse(`--header: found ${describe(header)}, allowed name=value`);
  }
  const [key, lane] = [args.find("key"), args.find("lane")];
  const priority = reader.readNumber("priority", { low: 0, high: 9 });
  const delayMs = reader.readSpan("delay");
  const ttlMs = reader.readSpan("ttl");
  return {
    ...Object.keys(headers).length > 0 && { headers },
    ...key !== undefined && { key },
    ...lane !== undefined && { lane },
    ...priority !== undefined && { priority },
    ...delayMs !== undefined && { delayMs },
    ...ttlMs !== undefined && { ttlMs },
  };
}

/** Makes a body of what was typed or read. */
export function makeBody(
  bytes: Uint8Array,
  kind: typeof BODY_KINDS[number],
  reader: FlagReader,
): MessageBody {
  if (kind === "bytes") return bytes;
  const text = new TextDecoder().decode(bytes);
  if (kind === "text") return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    reader.refuse(`the body: found no JSON: ${error instanceof Error ? error.message : error}`);
    return "";
  }
}
