/**
 * The options of a stream, as people are asked for them.
 *
 * @module
 */

/**
 * @typedef {object} Option
 * @property {string} name
 * @property {string} label
 * @property {string} hint
 * @property {"span" | "count" | "size" | "spans" | "flag" | "choice" | "rate" | "share" | "text"} kind
 * @property {boolean} [mayBeNone] Whether `none` is a value.
 * @property {"laneLimits" | "breaker"} [group] The option that it is a part of.
 * @property {[value: string, label: string][]} [choices]
 */

/** The option in each group without which there is none of it; undefined: any of them makes it. */
export const GROUP_HEADS = /** @type {Record<string, string | undefined>} */ ({
  laneLimits: undefined,
  breaker: "failures",
});

/** @type {Option[]} */
export const OPTIONS = [
  {
    name: "ackTimeoutMs",
    label: "Acknowledge within",
    hint: "How long a handler may have a message.",
    kind: "span",
  },
  {
    name: "maxDeliveries",
    label: "Deliveries at most",
    hint: "After the last one it is a dead letter.",
    kind: "count",
  },
  {
    name: "backoffMs",
    label: "Delays after failures",
    hint: "The first, the second …, apart by commas.",
    kind: "spans",
  },
  {
    name: "ttlMs",
    label: "Time to live",
    hint: "Of messages without one of their own; none: for ever.",
    kind: "span",
    mayBeNone: true,
  },
  {
    name: "dedupWindowMs",
    label: "Dedup ids remembered",
    hint: "Another message with the same id is not stored.",
    kind: "span",
  },
  {
    name: "maxMessages",
    label: "Messages at most",
    hint: "none: no limit.",
    kind: "count",
    mayBeNone: true,
  },
  {
    name: "maxBytes",
    label: "Size at most",
    hint: "Such as 100 MiB; none: no limit.",
    kind: "size",
    mayBeNone: true,
  },
  {
    name: "overflow",
    label: "When it is full",
    hint: "",
    kind: "choice",
    choices: [["reject", "refuse new messages"], ["drop-oldest", "drop the oldest messages"]],
  },
  { name: "deadLetter", label: "Keep failed messages", hint: "As dead letters.", kind: "flag" },
  {
    name: "deadLetterExpired",
    label: "Keep expired messages",
    hint: "As dead letters.",
    kind: "flag",
  },
  {
    name: "maxPending",
    label: "Pending at most",
    hint: "Over all followers; none: no limit.",
    kind: "count",
    mayBeNone: true,
  },
  {
    name: "rate",
    label: "Rate of deliveries",
    hint: "Such as 10 / 1 s; none: no limit.",
    kind: "rate",
    mayBeNone: true,
  },
  {
    name: "sharedLimit",
    label: "Shared limit",
    hint: "The name of a limit of several streams; none: no such limit.",
    kind: "text",
    mayBeNone: true,
  },
  {
    group: "laneLimits",
    name: "maxPending",
    label: "Each lane: pending",
    hint: "none: no limit.",
    kind: "count",
    mayBeNone: true,
  },
  {
    group: "laneLimits",
    name: "rate",
    label: "Each lane: rate",
    hint: "Such as 10 / 1 s; none: no limit.",
    kind: "rate",
    mayBeNone: true,
  },
  {
    group: "laneLimits",
    name: "maxMessages",
    label: "Each lane: stored",
    hint: "Further ones are refused; none: no limit.",
    kind: "count",
    mayBeNone: true,
  },
  {
    name: "priorityAcross",
    label: "Priorities across lanes",
    hint: "A higher one goes before all lanes.",
    kind: "flag",
  },
  {
    name: "priorityAgingMs",
    label: "Priority by waiting",
    hint: "The time in which a message gains one level; none: never.",
    kind: "span",
    mayBeNone: true,
  },
  {
    group: "breaker",
    name: "failures",
    label: "Breaker: failures",
    hint: "It opens after so many; none: no breaker.",
    kind: "count",
    mayBeNone: true,
  },
  {
    group: "breaker",
    name: "withinMs",
    label: "Breaker: within",
    hint: "The time in which they count.",
    kind: "span",
  },
  {
    group: "breaker",
    name: "share",
    label: "Breaker: share",
    hint: "The least share of failures among all deliveries, up to 100 %.",
    kind: "share",
  },
  {
    group: "breaker",
    name: "openMs",
    label: "Breaker: open for",
    hint: "The time before the next probe.",
    kind: "span",
  },
  {
    group: "breaker",
    name: "of",
    label: "Breaker: one for",
    hint: "",
    kind: "choice",
    choices: [["stream", "the whole stream"], ["lane", "each lane"]],
  },
];
