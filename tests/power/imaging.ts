/**
 * Images of a disk, taken in the midst of a broker's work, each in one moment: what a power cut in that
 * moment would have left. A broker is started on each of them.
 *
 * ```text
 * file of this machine ─ xfs ─┬─ guest.img ─ file system ─ the broker's directory
 *                             ├─ image-1.img   a copy that shares the blocks
 *                             └─ image-2.img
 * ```
 *
 * @module
 */

import { checkHistory } from "../support/checking/checker.ts";
import { History, type HistoryEvent } from "../support/checking/history.ts";
import { Random } from "../support/random.ts";
import type { Verdict } from "../support/checking/verdict.ts";
import { Load } from "../crash/load.ts";
import { RestartingBroker } from "../crash/restarting_broker.ts";
import { type FileSystem, LoopDisk } from "./loop_disk.ts";
import { ReadyCommand } from "./ready_command.ts";
import type { Workshop } from "./workshop.ts";

/** What to do. */
export interface ImagingOptions {
  readonly workshop: Workshop;
  /** The file system that the broker works on. */
  readonly fileSystem: FileSystem;
  /** How many images. */
  readonly images: number;
  readonly seed: number;
  /** Flags of the broker. */
  readonly flags: readonly string[];
  /** Hears how many images have been checked. */
  readonly tell: (done: number) => void;
}

/** What imaging comes to. */
export interface ImagingResult {
  /** What the clients have seen of the broker that went on. */
  readonly live: Verdict;
  /** What the clients have seen of it and of the broker on an image, for each image. */
  readonly images: readonly Verdict[];
  /** How many messages the brokers on the images had. */
  readonly found: number;
}

/** An image, and which part of the history was before it, or while it was taken. */
interface Image {
  readonly path: string;
  readonly begun: number;
  readonly ended: number;
}

const HOST_BYTES = 8 * 1024 * 1024 * 1024;
const GUEST_BYTES = 512 * 1024 * 1024;

/** How many messages each publisher sends from one image to the next, at most. */
const MESSAGES = 40;

const LARGE_SHARE = 1 / 20;

/** Takes images, and checks them. */
export async function takeAndCheck(options: ImagingOptions): Promise<ImagingResult> {
  const { workshop, fileSystem, tell } = options;
  const random = new Random(options.seed);
  await using host = await LoopDisk.create({
    fileSystem: "xfs",
    image: `${workshop.path}/host-${fileSystem}.img`,
    mountPoint: `${workshop.path}/host-${fileSystem}`,
    bytes: HOST_BYTES,
  });
  const history = new History();
  const images = await takeImages(options, { host, history, random });
  const verdicts: Verdict[] = [];
  let found = 0;
  for (const image of images) {
    const drained = await drainImage(image, { ...options, random });
    found += drained.filter(({ type }) => type === "delivered").length;
    verdicts.push(checkHistory(join(history.events, image, drained)));
    await Deno.remove(image.path);
    tell(verdicts.length);
  }
  return { live: checkHistory(history.events), images: verdicts, found };
}

/** Takes images while a broker works. */
async function takeImages(
  { workshop, fileSystem, images: count, flags }: ImagingOptions,
  { host, history, random }: {
    readonly host: LoopDisk;
    readonly history: History;
    readonly random: Random;
  },
): Promise<Image[]> {
  const source = `${host.mountPoint}/guest.img`;
  await using guest = await LoopDisk.create({
    fileSystem,
    image: source,
    mountPoint: `${workshop.path}/guest-${fileSystem}`,
    bytes: GUEST_BYTES,
  });
  const directory = `${guest.mountPoint}/data`;
  await using broker = await RestartingBroker.start({ directory, flags, random });
  const { port } = broker;
  await using load = await Load.start({ port, history, random, largeShare: LARGE_SHARE });
  const images: Image[] = [];
  while (images.length < count) {
    if (images.length === Math.floor(count / 2)) await load.createLateStream();
    load.allow(MESSAGES);
    const path = `${host.mountPoint}/image-${images.length + 1}.img`;
    await using copying = new ReadyCommand("-f", path);
    const progress = history.progress + random.below(Load.leastProgress(MESSAGES));
    await history.waitUntil(
      `there were ${progress} confirms and deliveries`,
      () => history.progress >= progress,
    );
    const begun = history.events.length;
    // Like `cp --reflink=always`: the copy shares all blocks, and is made in one moment.
    await copying.run(`reflink ${source}`);
    images.push({ path, begun, ended: history.events.length });
  }
  await load.drain();
  return images;
}

/** Starts a broker on an image, takes everything that it has, and tells what was seen. */
async function drainImage(
  { path }: Image,
  { workshop, fileSystem, flags, random }: ImagingOptions & { readonly random: Random },
): Promise<readonly HistoryEvent[]> {
  await using disk = await LoopDisk.open({
    fileSystem,
    image: path,
    mountPoint: `${workshop.path}/image-${fileSystem}`,
  });
  const directory = `${disk.mountPoint}/data`;
  await using broker = await RestartingBroker.start({ directory, flags, random });
  const { port } = broker;
  const history = new History();
  await using load = await Load.start({ port, history, random, largeShare: LARGE_SHARE });
  await load.drain();
  return history.events;
}

/** What was seen until an image was taken, and of the broker on it, as if power had been cut. */
function* join(
  live: readonly HistoryEvent[],
  { begun, ended }: Image,
  drained: readonly HistoryEvent[],
): Generator<HistoryEvent> {
  yield* live.slice(0, begun);
  yield { type: "faultBegun", kind: "cut" };
  yield* live.slice(begun, ended);
  yield { type: "faultStruck" };
  yield { type: "faultEnded" };
  yield* drained;
}
