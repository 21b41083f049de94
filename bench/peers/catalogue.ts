import { bareProgram } from "./bare/peer.ts";
import { beanstalkdBinlog, beanstalkdMemory } from "./beanstalkd/peer.ts";
import { bullmq, bullmqPostgres } from "./bullmq/peer.ts";
import { graphileWorker } from "./graphile_worker/peer.ts";
import { jetstreamAlways, jetstreamFile, jetstreamMemory } from "./jetstream/peer.ts";
import type { Peer } from "./peer.ts";
import { pgBoss } from "./pg_boss/peer.ts";
import { rabbitmqClassic, rabbitmqQuorum } from "./rabbitmq/peer.ts";
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
  bullmqPostgres,
  pgBoss,
  graphileWorker,
  jetstreamFile,
  jetstreamAlways,
  jetstreamMemory,
  rabbitmqClassic,
  rabbitmqQuorum,
  beanstalkdBinlog,
  beanstalkdMemory,
  bareProgram,
];
