import { type createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';

/** The number of bytes of one read: long enough for few calls, short enough to stay responsive. */
const CHUNK_BYTES = 1024 * 1024;

/** An unfinished hash, the result of `crypto.createHash()`. */
export type FileHash = ReturnType<typeof createHash>;

/** Adds a file's bytes from `start` to `end`, or to the file's end, to `hash`. */
export type HashFile = (
  hash: FileHash,
  file: FileHandle,
  range: { readonly start: number; readonly end: number },
  options: { readonly signal: AbortSignal; readonly onProgress: (at: number) => void },
) => Promise<void>;

/** Reads the present contents of the disk. Throws the signal's reason if it aborts. */
export const hashFile: HashFile = async (hash, file, { start, end }, { signal, onProgress }) => {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(end - start, 1)));
  for (let at = start; at < end;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    onProgress(at);
  }
};
