/** The exit codes of the process. */
export const ExitCode = {
  /** Stopped by a signal; or `--help`, `--version` or a command is done, and the journal can be used. */
  stopped: 0,
  /** An unexpected fault, or a second signal while stopping; a command: the broker refuses it. */
  fault: 1,
  /** It could not start: settings, port, address, a directory; a command: a mistake in how it is used. */
  notStarted: 2,
  /** The disk failed, or another broker of the cluster took over: nothing could be made durable any more. */
  diskFailed: 3,
  /** The journal is damaged, and not only single streams; `verify` and `repair`: it is damaged. */
  damaged: 4,
  /** A command has no connection to a broker. */
  noConnection: 5,
  /** A command may not do this: no valid token, or no permission. */
  forbidden: 6,
  /** A command finds no such stream, message, follower, connection or file. */
  notFound: 7,
  /** The time of `--timeout` is over. */
  timeOver: 124,
  /** Ctrl-C ended a command. */
  interrupted: 130,
} as const;

/** One of the numbers of {@linkcode ExitCode}. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];
