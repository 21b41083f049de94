/** The size of a block; heads are one, and files fill whole ones. */
export const TAR_BLOCK_BYTES = 512;

/** Where the fields of a head are: offset and length. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;

/** The largest size that eleven octal digits hold. */
const SIZE_MAX = 8 ** 11 - 1;

/** What a head says of a file. */
export interface TarHead {
  readonly name: string;
  readonly bytes: number;
  /** `file`, or something that has no content of ours. */
  readonly kind: "file" | "other";
}

/** Makes the head of a file, as POSIX ustar. */
export function makeTarHead(
  { name, bytes, at }: { readonly name: string; readonly bytes: number; readonly at: number },
): Uint8Array {
  if (bytes > SIZE_MAX) {
    throw new RangeError(`Cannot put "${name}" into a tar: it has ${bytes} bytes`);
  }
  const head = new Uint8Array(TAR_BLOCK_BYTES);
  const put = (field: keyof typeof FIELDS, text: string) =>
    head.set(new TextEncoder().encode(text), FIELDS[field][0]);
  const putNumber = (field: keyof typeof FIELDS, value: number) =>
    put(field, value.toString(8).padStart(FIELDS[field][1] - 1, "0"));
  put("name", name);
  putNumber("mode", 0o600);
  putNumber("uid", 0);
  putNumber("gid", 0);
  putNumber("size", bytes);
  putNumber("mtime", Math.floor(at / 1000));
  put("type", "0");
  put("magic", "ustar\x0000");
  put("checksum", `${sumOf(head).toString(8).padStart(6, "0")}\0 `);
  return head;
}

/** Reads a head: `undefined` for an empty block, which ends an archive; a text for a fault. */
export function readTarHead(block: Uint8Array): TarHead | undefined | string {
  if (block.every((byte) => byte === 0)) return undefined;
  const text = (field: keyof typeof FIELDS) => {
    const [offset, length] = FIELDS[field];
    return new TextDecoder().decode(block.subarray(offset, offset + length)).replace(/\0[^]*$/, "");
  };
  const number = (field: keyof typeof FIELDS) => Number.parseInt(text(field).trim() || "0", 8);
  if (!text("magic").startsWith("ustar")) return "it is no tar archive";
  if (number("checksum") !== sumOf(block)) return "a head in it is damaged";
  const bytes = number("size");
  if (!Number.isSafeInteger(bytes)) return "a size in it is no number";
  const type = text("type");
  // Archives that were made by hand have names such as ./closed.
  const name = text("name").replace(/^(\.\/)+/, "");
  return { name, bytes, kind: type === "0" || type === "" ? "file" : "other" };
}

/** The sum of a head's bytes, with spaces for the sum itself. */
function sumOf(head: Uint8Array): number {
  const [offset, length] = FIELDS.checksum;
  return head.reduce(
    (sum, byte, index) => sum + (index >= offset && index < offset + length ? 0x20 : byte),
    0,
  );
}
