/** The number of each frame type; the specification tells its sender and its fields. */
export const FrameType = {
  hello: 0x01,
  welcome: 0x02,
  heartbeat: 0x03,
  goodbye: 0x04,
  error: 0x05,
  stream: 0x06,
  streamDeleted: 0x07,
  progress: 0x08,
  streamMissing: 0x09,
  streamsForgotten: 0x0a,
  ping: 0x0b,
  pong: 0x0c,
  brokers: 0x0d,
  streamOpen: 0x0e,
  streamResumed: 0x0f,
  query: 0x10,
  response: 0x11,
  messages: 0x12,
  backupPiece: 0x13,
  openPublisher: 0x20,
  closePublisher: 0x21,
  publish: 0x22,
  confirm: 0x23,
  refuse: 0x24,
  openFollower: 0x30,
  closeFollower: 0x31,
  credit: 0x32,
  deliver: 0x33,
  ack: 0x34,
  release: 0x35,
  begin: 0x36,
  nack: 0x37,
  reject: 0x38,
  extend: 0x39,
  revoke: 0x3a,
  beginBatch: 0x3b,
  openReplies: 0x40,
  reply: 0x41,
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
