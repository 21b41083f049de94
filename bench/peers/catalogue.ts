/**
 * Everything that is compared, in the order of the tables.
 *
 * @module
 */

import { bareProgram } from "./bare/peer.ts";
import { beanstalkdBinlog, beanstalkdMemory } from "./beanstalkd/peer.ts";
import { bullmq } from "./bullmq/peer.ts";
import { jetstreamFile, jetstreamMemory } from "./jetstream/peer.ts";
import type { Peer } from "./peer.ts";
import { rabbitmqDurable, rabbitmqTransient } from "./rabbitmq/peer.ts";
import { redisAlways, redisEverySecond, redisMemory } from "./redis/peer.ts";
import { simplemqJournal, simplemqMemory } from "./simplemq/peer.ts";

/** The peers, SimpleMQ first; the last one is no broker, but what none of them can beat. */
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
