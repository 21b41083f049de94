import { Buffer } from "node:buffer";

/** A message as the data of a job: JSON, which has no bytes. */
export interface JobData {
  /** Its bytes in base64. */
  readonly body: string;
}

/** Makes a message the data of a job. */
export function encodeBody({ buffer, byteOffset, byteLength }: Uint8Array): JobData {
  return { body: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
}

/** Makes the data of a job a message again. */
export function decodeBody({ body }: JobData): Uint8Array {
  return Buffer.from(body, "base64");
}
