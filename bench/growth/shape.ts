/** How messages are sent and followed: each dimension lets a part of it grow. */
export interface Shape {
  /** How long each body is. */
  readonly bodyBytes: number;
  /** How many bodies are in one call of `sendMessages`. */
  readonly callCount: number;
  /** How many streams the calls go to in turn, each with a publisher of its own. */
  readonly streams: number;
  /** How many followers compete for the messages. */
  readonly followers: number;
  /** How many connections those are on, evenly. */
  readonly connections: number;
}

/** The shape of everything that does not grow. */
export const SHAPE: Shape = {
  bodyBytes: 100,
  callCount: 256,
  streams: 1,
  followers: 1,
  connections: 1,
};

/** So many messages may be without a confirm, whatever the calls are. */
const IN_FLIGHT_COUNT = 8192;

/** Or so many bytes of bodies, if that is less. */
const IN_FLIGHT_BYTES = 32 * 1024 * 1024;

/** In how many pieces those are sent, if a call is not larger than that. */
const PIECES = 8;

/** What is handed over before a confirm is waited for. */
export interface Pieces {
  /** How many messages are a piece: a call, or several. */
  readonly pieceCount: number;
  /** How many pieces may be unconfirmed. */
  readonly piecesInFlight: number;
}

/** Cuts what may be unconfirmed into pieces. */
export function planPieces({ bodyBytes, callCount }: Shape): Pieces {
  const inFlight = Math.min(IN_FLIGHT_COUNT, Math.floor(IN_FLIGHT_BYTES / bodyBytes));
  const calls = Math.max(1, Math.floor(inFlight / PIECES / callCount));
  const pieceCount = calls * callCount;
  return { pieceCount, piecesInFlight: Math.max(2, Math.floor(inFlight / pieceCount)) };
}
