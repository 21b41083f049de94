/**
 * The frame types. Which fields each carries stands in the specification, the module doc of
 * `protocol.ts`.
 *
 * @module
 */

/** The number of each frame type. */
export const FrameType = {
  /** Client: who it is. The first frame. */
  hello: 0x01,
  /** Broker: the session, its limits, the durability in force. */
  welcome: 0x02,
  /** Both: I am here. */
  heartbeat: 0x03,
  /** Both: I am going to close this session. */
  goodbye: 0x04,
  /** Broker: a command failed, or the session has to end. */
  error: 0x05,
  /** Broker: from now on this number stands for that stream. */
  stream: 0x06,
  /** Broker: a stream is gone that a follower was attached to. */
  streamDeleted: 0x07,
  /** Client: how much it has received. */
  progress: 0x08,
  /** Broker: a stream is not there that a follower is tied to. */
  streamMissing: 0x09,
  /** Broker: these numbers of streams are not used any more. */
  streamsForgotten: 0x0a,
  /** Client: a cursor's query. */
  query: 0x10,
  /** Broker: the answer to a query, or to an acknowledgement that wants one. */
  response: 0x11,
  /** Broker: the answer to a query for messages. */
  messages: 0x12,
  /** Client: a publisher. */
  openPublisher: 0x20,
  /** Client: a publisher no more. */
  closePublisher: 0x21,
  /** Client: a batch of messages. */
  publish: 0x22,
  /** Broker: a batch is stored. */
  confirm: 0x23,
  /** Broker: a batch is not stored. */
  refuse: 0x24,
  /** Client: a follower. */
  openFollower: 0x30,
  /** Client: a follower no more; what it holds is ready again. */
  closeFollower: 0x31,
  /** Client: how much a follower may hold unacknowledged. */
  credit: 0x32,
  /** Broker: a batch of messages. */
  deliver: 0x33,
  /** Client: deliveries are done. */
  ack: 0x34,
  /** Client: deliveries are given back unseen. */
  release: 0x35,
  /** Client: deliveries are being worked on. */
  begin: 0x36,
  /** Client: deliveries have failed; their messages come back later. */
  nack: 0x37,
  /** Client: messages are not to be delivered again. */
  reject: 0x38,
  /** Client: deliveries need more time. */
  extend: 0x39,
  /** Broker: deliveries are not the follower's any more. */
  revoke: 0x3a,
  /** Client: the stream that replies to its requests come to. */
  openReplies: 0x40,
  /** Client: replies to requests of one client. */
  reply: 0x41,
  /** Broker: replies to this client's requests. */
  replies: 0x42,
} as const;

/** One of the numbers of {@linkcode FrameType}. */
export type FrameType = typeof FrameType[keyof typeof FrameType];

const namesByNumber = new Map<number, string>(
  Object.entries(FrameType).map(([name, number]) => [number, name]),
);

/** Names a frame type in a message for a person, unknown ones too. */
export function describeFrameType(number: number): string {
  return namesByNumber.get(number) ?? `0x${number.toString(16).padStart(2, "0")}`;
}
