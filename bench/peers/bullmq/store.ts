import type { Job } from "bullmq";
import type { JobData } from "../json_body.ts";

/** What this bench needs of a queue, wherever its jobs are. */
export interface BullQueue {
  waitUntilReady(): Promise<unknown>;
  addBulk(jobs: { name: string; data: JobData }[]): Promise<unknown>;
  add(name: string, data: JobData): Promise<unknown>;
  getJobCounts(): Promise<Record<string, number>>;
  obliterate(options: { force: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** What this bench needs of a worker. */
export interface BullWorker {
  waitUntilReady(): Promise<unknown>;
  run(): Promise<void>;
  close(): Promise<void>;
}

/** Does a job. */
export type Work = (job: Job<JobData>) => Promise<void>;

/** Where BullMQ has its jobs. */
export interface BullStore extends AsyncDisposable {
  /** So many jobs a worker has in hand at a time. */
  readonly concurrency: number;
  openQueue(name: string): BullQueue;
  /**
   * Opens a worker that does not work yet.
   *
   * @param fail Is told what goes wrong.
   */
  openWorker(
    name: string,
    work: Work,
    concurrency: number,
    fail: (error: unknown) => void,
  ): BullWorker;
}
