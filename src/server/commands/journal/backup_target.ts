import type { BackupFile } from "../../../../protocol.ts";

/** Where the files of a backup are written, one after the other. */
export interface BackupTarget {
  /** Begins a file. */
  begin(file: BackupFile): Promise<void>;
  /** Writes the next bytes of it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends it. */
  end(): Promise<void>;
  /** Ends everything; a manifest is written as the last file. */
  finish(manifest?: string): Promise<void>;
  /** Takes away what was written: it is not complete. */
  abandon(): Promise<void>;
}
