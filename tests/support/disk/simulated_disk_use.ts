import type { DiskFile } from "../../../src/engine/journal/disk/disk.ts";
import { SimulatedDisk, type SimulatedDiskOptions } from "./simulated_disk.ts";

export const SEED_COUNT = 200;
export const SECTOR_SIZE = 512;
export const NOTHING: Uint8Array = new Uint8Array(0);

/** A disk with a file "a" that is durable, and the file, open. */
export async function diskWith(
  bytes: Uint8Array,
  options: SimulatedDiskOptions,
): Promise<{ disk: SimulatedDisk; file: DiskFile }> {
  const disk = new SimulatedDisk(options);
  const file = disk.create("a");
  if (bytes.length > 0) file.write(bytes, 0);
  await disk.sync();
  await file.sync();
  return { disk, file };
}

export function filled(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

/** All files with their sizes. */
export function describe(disk: SimulatedDisk): string {
  return disk.list().map(({ name, size }) => `${name}${size}`).sort().join(" ");
}

/** Of which byte each sector of "a" is full. */
export function kindsOf(disk: SimulatedDisk): string {
  const bytes = disk.readAll("a");
  let kinds = "";
  for (let from = 0; from < bytes.length; from += SECTOR_SIZE) {
    const sector = bytes.subarray(from, from + SECTOR_SIZE);
    kinds += sector.every((byte) => byte === sector[0]) ? sector[0] : "?";
  }
  return kinds;
}

/** What is left by power cuts, over many seeds, and how often. */
export async function leftovers(
  bytes: Uint8Array,
  use: (file: DiskFile, disk: SimulatedDisk) => void | Promise<void>,
  look: (disk: SimulatedDisk) => string = describe,
  options: Partial<SimulatedDiskOptions> = {},
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const { disk, file } = await diskWith(bytes, { ...options, seed });
    await use(file, disk);
    disk.powerCut();
    const left = look(disk);
    counts.set(left, (counts.get(left) ?? 0) + 1);
  }
  return counts;
}
