import { HOSTNAME } from "../harness/broker_process.ts";

/** Longer answers are not read in one piece: bodies here are short. */
const ANSWER_BYTES_MAX = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The rates of members that speak JSON lines as the clients of the original do: a publisher connects for
 * each message and hangs up without reading; a follower keeps one connection, and sends an
 * acknowledgement and its next request in one write.
 */
export interface SessionRates {
  /** Messages a second that one publisher sends, with a connection for each. */
  readonly published: number;
  /** Messages a second that one follower takes and acknowledges, one at a time. */
  readonly followed: number;
}

/** Sends messages the way of the original, then takes them; throws if some are missing or doubled. */
export async function measureSession(port: number, count: number): Promise<SessionRates> {
  const stream = `json-${crypto.randomUUID()}`;
  await sendLine(port, {
    sender_type: "CURSOR",
    request_type: "CREATE_STREAM",
    message_body: stream,
  });
  const begin = performance.now();
  for (let number = 1; number <= count; number++) {
    await sendLine(port, {
      sender_type: "PUBLISHER",
      request_type: "NEW_MESSAGE",
      message_body: { number, text: "x".repeat(80) },
      sender_member_name: "pub1",
      bind: { route_string: stream, bind_type: "DIRECT" },
    });
  }
  const sent = performance.now();
  const sum = await follow(port, stream, count);
  const end = performance.now();
  if (sum !== count * (count + 1) / 2) throw new Error(`the sum of the numbers is ${sum}`);
  return {
    published: count / (sent - begin) * 1000,
    followed: count / (end - sent) * 1000,
  };
}

/** Connects, sends one line, and hangs up. */
async function sendLine(port: number, line: unknown): Promise<void> {
  using connection = await Deno.connect({ hostname: HOSTNAME, port });
  await writeAll(connection, `${JSON.stringify(line)}\n`);
}

/** Takes so many messages; returns the sum of their numbers. */
async function follow(port: number, stream: string, count: number): Promise<number> {
  using connection = await Deno.connect({ hostname: HOSTNAME, port });
  connection.setNoDelay(true);
  const member = {
    "sender_type": "FOLLOWER",
    "sender_member_name": "fol1",
    bind: { route_string: stream, bind_type: "DIRECT" },
  };
  const say = (type: string, body: unknown) =>
    `${JSON.stringify({ ...member, "request_type": type, "message_body": body })}\n`;
  const buffer = new Uint8Array(ANSWER_BYTES_MAX);
  let sum = 0;
  let text = say("GIVE_ME_NEW_MESSAGE", null);
  for (let left = count; left > 0; left--) {
    await writeAll(connection, text);
    const size = await connection.read(buffer);
    if (size === null) throw new Error("the broker has hung up");
    const answer = JSON.parse(decoder.decode(buffer.subarray(0, size)));
    sum += answer.message_body.number;
    text = say("ACK_MESSAGE", answer.id) + (left > 1 ? say("GIVE_ME_NEW_MESSAGE", null) : "");
  }
  await writeAll(connection, text);
  return sum;
}

async function writeAll(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = encoder.encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}
