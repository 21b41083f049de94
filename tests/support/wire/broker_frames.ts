// The frames that a broker sends, read by their name.

import {
  type ClusterMembers,
  type ConfirmFields,
  type DeliverFields,
  type ErrorReport,
  type FrameDecoder,
  type Goodbye,
  type PeekedMessages,
  type Pong,
  readBatch,
  readConfirm,
  readControlFrame,
  readDeliver,
  readMessages,
  readResponse,
  readStream,
  readStreamsForgotten,
  readVerdict,
  type Refusal,
  type StreamAbsence,
  type VerdictFields,
  type Welcome,
} from "../../../protocol.ts";
import { describeFrameType } from "../../../src/protocol/frames/frame_type.ts";
import { textsOf } from "./batches.ts";

/** What a broker's frames say, by the names of their types. */
export interface BrokerFrames {
  readonly welcome: Welcome;
  readonly pong: Pong;
  readonly brokers: ClusterMembers;
  readonly heartbeat: null;
  readonly goodbye: Goodbye;
  readonly error: ErrorReport;
  readonly stream: { readonly stream: number; readonly name: string };
  readonly streamDeleted: StreamAbsence;
  readonly streamMissing: StreamAbsence;
  readonly streamOpen: StreamAbsence;
  readonly streamResumed: StreamAbsence;
  readonly streamsForgotten: readonly number[];
  readonly response: { readonly query: number; readonly result: unknown };
  readonly messages: { readonly query: number; readonly messages: PeekedMessages };
  readonly confirm: ConfirmFields;
  readonly refuse: Refusal;
  readonly deliver: DeliverFields & { readonly texts: readonly string[] };
  readonly revoke: VerdictFields;
  readonly replies: { readonly texts: readonly string[] };
}

/** A frame of the broker. */
export type BrokerFrame = {
  [Name in keyof BrokerFrames]: { readonly name: Name; readonly content: BrokerFrames[Name] };
}[keyof BrokerFrames];

const readers: { [Name in keyof BrokerFrames]: (frame: FrameDecoder) => BrokerFrames[Name] } = {
  welcome: (frame) => readControlFrame(frame, "welcome"),
  heartbeat: (frame) => {
    frame.finish();
    return null;
  },
  pong: (frame) => readControlFrame(frame, "pong"),
  brokers: (frame) => readControlFrame(frame, "brokers"),
  goodbye: (frame) => readControlFrame(frame, "goodbye"),
  error: (frame) => readControlFrame(frame, "error"),
  stream: readStream,
  streamDeleted: (frame) => readControlFrame(frame, "streamDeleted"),
  streamsForgotten: readStreamsForgotten,
  streamMissing: (frame) => readControlFrame(frame, "streamMissing"),
  streamOpen: (frame) => readControlFrame(frame, "streamOpen"),
  streamResumed: (frame) => readControlFrame(frame, "streamResumed"),
  response: readResponse,
  messages: readMessages,
  confirm: readConfirm,
  refuse: (frame) => readControlFrame(frame, "refuse"),
  deliver: (frame) => {
    const fields = readDeliver(frame);
    return { ...fields, texts: textsOf(readBatch(frame)) };
  },
  revoke: readVerdict,
  replies: (frame) => ({ texts: textsOf(readBatch(frame)) }),
};

/** Reads the current frame of a decoder; throws if a broker does not send such frames. */
export function readBrokerFrame(frame: FrameDecoder): BrokerFrame {
  const name = describeFrameType(frame.type);
  if (!Object.hasOwn(readers, name)) throw new Error(`A broker does not send ${name}`);
  const content = readers[name as keyof BrokerFrames](frame);
  return { name, content } as BrokerFrame;
}
