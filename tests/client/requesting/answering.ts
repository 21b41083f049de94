import type { Connection, Follower, Message, MessageBody } from "@simplemq/simplemq";

/** Does something with every message that a follower takes; resolves when it is closed. */
export async function handle(
  follower: Follower,
  work: (message: Message) => Promise<void> | void,
): Promise<void> {
  for await (const message of follower.getMessages()) await work(message);
}

/** Replies to every message with what is made of its body, and acknowledges it. */
export function answer(
  connection: Connection,
  stream: string | RegExp,
  make: (message: Message) => unknown = ({ body }) => body,
): { follower: Follower; ended: Promise<void> } {
  const follower = connection.follower(stream);
  const ended = handle(follower, async (message) => {
    message.reply(make(message) as MessageBody);
    await message.ack();
  });
  return { follower, ended };
}

/** Takes so many messages. */
export async function take(
  connection: Connection,
  stream: string,
  count: number,
): Promise<Message[]> {
  const taken: Message[] = [];
  const messages = connection.follower(stream, { prefetch: count }).getMessages();
  while (taken.length < count) taken.push((await messages.next()).value!);
  return taken;
}
