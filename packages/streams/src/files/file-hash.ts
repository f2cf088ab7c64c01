import { type createHash } from 'node:crypto';
import { type FileHandle } from 'node:fs/promises';

/** Bytes that are read at once: few enough calls to be fast, short enough to stay responsive. */
const CHUNK_BYTES = 1024 * 1024;

/** A hash that can be gone on with, as `crypto.createHash()` gives it. */
export type FileHash = ReturnType<typeof createHash>;

/** Feeds a file's bytes from `start` to `end`, or to the file's end, into `hash`. */
export type HashFile = (
  hash: FileHash,
  file: FileHandle,
  range: { readonly start: number; readonly end: number },
  options: { readonly signal: AbortSignal; readonly onProgress: (at: number) => void },
) => Promise<void>;

/** Reads from the disk what is there now; throws the signal's reason when it is aborted. */
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
