import { type BrokerFamily, counter, each, gauge, isElsewhere, one } from "./broker_family.ts";

/** The families of schedules and shared limits: those of a standby are the active broker's. */
export const WORK_FAMILIES: readonly BrokerFamily[] = [
  gauge("schedules", "Schedules", ({ counters }) => one(counters.schedules.count)),
  gauge(
    "paused_schedules",
    "Schedules that are paused",
    ({ counters }) => one(counters.schedules.paused),
  ),
  gauge(
    "failing_schedules",
    "Schedules that cannot store the message that is due",
    ({ counters }) => one(counters.schedules.failing),
  ),
  gauge(
    "schedule_late_seconds",
    "How late the latest schedule is",
    ({ counters }) => one(counters.schedules.lateMs / 1000),
  ),
  counter(
    "scheduled_messages",
    "Messages that schedules have stored",
    ({ counters }) => one(counters.schedules.stored),
  ),
  counter(
    "left_out_dates",
    "Dates of schedules that got no message, by reason",
    ({ counters }) => each("reason", counters.schedules.leftOut),
  ),
  gauge("shared_limits", "Limits that streams share", ({ counters }) => one(counters.limits.count)),
  gauge(
    "closed_shared_limits",
    "Shared limits that let nothing through",
    ({ counters }) => one(counters.limits.closed),
  ),
  gauge(
    "shared_limit_pending_messages",
    "Messages that followers hold of streams with a shared limit",
    ({ counters }) => one(counters.limits.pending),
  ),
].map((family) => ({
  ...family,
  read: (source) => isElsewhere(source.parts) ? undefined : family.read(source),
}));
