// The frames that the author of a client needs; the rest of this folder is for broker and client here.

export type { BackupFile, BackupInfo } from "./answers/backup_frame.ts";
export type {
  BrokerEvent,
  BrokerStatus,
  ConnectionInfo,
  ConnectionProtocol,
} from "./answers/broker_status.ts";
export {
  type BindFields,
  type ClusterMembers,
  type ControlFrames,
  type ErrorReport,
  type Goodbye,
  type Hello,
  type OpenFollower,
  type OpenPublisher,
  type OpenReplies,
  type Pong,
  readControlFrame,
  type Refusal,
  type SessionLimits,
  type StreamAbsence,
  type Welcome,
  writeControlFrame,
} from "./frames/control_frame.ts";
export type {
  ClusterBroker,
  ClusterRole,
  ClusterStatus,
  Handover,
} from "./answers/cluster_status.ts";
export { FrameDecoder } from "./frames/frame_decoder.ts";
export { FrameType } from "./frames/frame_type.ts";
export { FrameWriter } from "./frames/frame_writer.ts";
export {
  type ConfirmFields,
  type CreditFields,
  type DeliverFields,
  type PublishFields,
  readBatch,
  readConfirm,
  readDeliver,
  type StoredRange,
  type StoredRun,
  type TagFields,
  type TagRange,
  type TagsType,
  writeCredit,
  writePublish,
  writeTags,
} from "./frames/message_frame.ts";
export {
  type Operation,
  OPERATIONS,
  type Page,
  type QueryFields,
  type QueryOptions,
  readResponse,
  readStream,
  readStreamsForgotten,
  writeQuery,
} from "./frames/query_frame.ts";
export { type ReplyFields, writeReply } from "./frames/reply_frame.ts";
export {
  type MessageInfo,
  type MessageState,
  type PeekedMessages,
  readMessages,
} from "./answers/peeked_messages.ts";
export type { PendingEntry, PendingEntryList } from "./answers/pending_entry_list.ts";
export type {
  BreakerInfo,
  LaneFigures,
  ReturnTotals,
  StreamInfo,
  StreamTotals,
} from "./answers/stream_info.ts";
export type { LaneInfo, LaneList, SharedLimitInfo } from "./answers/lane_info.ts";
export type { LaneOrder, LaneSettings, SharedLimitSettings } from "./lane_settings.ts";
export type { LeftOut, ScheduledMessage, ScheduleInfo } from "./answers/schedule_info.ts";
export {
  readVerdict,
  type VerdictFields,
  type VerdictType,
  writeVerdict,
} from "./frames/verdict_frame.ts";
