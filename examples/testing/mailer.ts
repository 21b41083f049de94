/**
 * An application that sends mails, and tries again later what does not work. How it is tested without
 * waiting for days is in `mailer_test.ts`.
 */

import type { Connection } from "@simplemq/simplemq";

/** A mail is tried again after a minute, an hour and a day. */
const BACKOFF_MS = [60_000, 3_600_000, 86_400_000];

/** Creates the stream that mails are sent to. */
export async function createMails(connection: Connection): Promise<void> {
  const options = { maxDeliveries: BACKOFF_MS.length + 1, backoffMs: BACKOFF_MS };
  await connection.cursor().createStream("mails", options);
}

/** Sends mails until the connection is closed; `send` throws if a mail cannot be sent now. */
export async function sendMails(
  connection: Connection,
  send: (address: string) => void,
): Promise<void> {
  const follower = connection.follower<string>("mails", { name: "mailer" });
  for await (const message of follower.getMessages()) {
    try {
      send(message.body);
      await message.ack();
    } catch (error) {
      await message.nack({ reason: error instanceof Error ? error.message : "unknown" });
    }
  }
}
