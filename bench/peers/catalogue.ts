import { bareProgram } from "./bare/peer.ts";
import { beanstalkdBinlog, beanstalkdMemory } from "./beanstalkd/peer.ts";
import { bullmq } from "./bullmq/peer.ts";
import { jetstreamFile, jetstreamMemory } from "./jetstream/peer.ts";
import type { Peer } from "./peer.ts";
import { rabbitmqDurable, rabbitmqTransient } from "./rabbitmq/peer.ts";
import { redisAlways, redisEverySecond, redisMemory } from "./redis/peer.ts";
import { simplemqJournal, simplemqMemory } from "./simplemq/peer.ts";

/** All peers, in the order of the tables; the last one is no broker, but a limit for all of them. */
export const CATALOGUE: readonly Peer[] = [
  simplemqJournal,
  simplemqMemory,
  redisEverySecond,
  redisAlways,
  redisMemory,
  bullmq,
  jetstreamFile,
  jetstreamMemory,
  rabbitmqDurable,
  rabbitmqTransient,
  beanstalkdBinlog,
  beanstalkdMemory,
  bareProgram,
];
