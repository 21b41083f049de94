import { type BrokerFamily, counter, each, gauge, isElsewhere, one } from "./broker_family.ts";

/** The families of schedules: a standby has none, since the active broker's are told there. */
export const SCHEDULE_FAMILIES: readonly BrokerFamily[] = [
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
].map((family) => ({
  ...family,
  read: (source) => isElsewhere(source.parts) ? undefined : family.read(source),
}));
