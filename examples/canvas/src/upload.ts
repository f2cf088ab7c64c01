/** A file on its way over `CHANNEL_ASSET_UPLOAD`: first an announcement as JSON, then the bytes in chunks. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { CHANNEL_ASSET_UPLOAD, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';

const CHUNK_BYTES = 256 * 1024;

/** The first message of an upload. */
export interface Announcement {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** What arrived. */
export interface ReceivedFile {
  readonly bytes: number;
  /** Whether size and hash are as announced. */
  readonly sha256Match: boolean;
}

/** Reads the file once to say beforehand what will come. */
export async function announcementOf(path: string): Promise<Announcement> {
  const { size } = statSync(path);
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(path, size)) hash.update(chunk);
  return { name: basename(path), size, sha256: hash.digest('hex') };
}

/** Sends the file; a chunk is read when the one before it was accepted, so memory stays bounded for any size. */
export async function sendFile(
  to: ConnectionHandle,
  path: string,
  announcement: Announcement,
  onProgress: (sent: number) => void,
): Promise<void> {
  let sent = 0;
  onProgress(sent);
  unwrap(await to.sendOnChannel(CHANNEL_ASSET_UPLOAD, Buffer.from(JSON.stringify(announcement))));
  for await (const chunk of chunksOf(path, announcement.size)) {
    unwrap(await to.sendOnChannel(CHANNEL_ASSET_UPLOAD, chunk));
    sent += chunk.length;
    onProgress(sent);
  }
  if (sent < announcement.size) throw new Error(`${path} became shorter while it was uploaded`);
}

/** Takes one file. Resolves when as many bytes have come as were announced. */
export function receiveFile(from: ConnectionHandle): Promise<ReceivedFile> {
  return new Promise((resolve) => {
    const hash = createHash('sha256');
    let announcement: Announcement | undefined;
    let bytes = 0;
    from.setChannelMessageCallback(
      CHANNEL_ASSET_UPLOAD,
      (message) => {
        if (announcement === undefined) {
          announcement = JSON.parse(Buffer.from(message).toString()) as Announcement;
        } else {
          hash.update(message);
          bytes += message.length;
        }
        if (bytes < announcement.size) return;
        from.setChannelMessageCallback(CHANNEL_ASSET_UPLOAD, null);
        resolve({ bytes, sha256Match: bytes === announcement.size && hash.digest('hex') === announcement.sha256 });
      },
      // The hash reads the bytes at once, so they need not be copied.
      { ownership: 'borrow' },
    );
  });
}

/** The first `size` bytes: a file that grows meanwhile is taken as long as it was. */
function chunksOf(path: string, size: number): AsyncIterable<Buffer> | Buffer[] {
  return size === 0 ? [] : createReadStream(path, { highWaterMark: CHUNK_BYTES, end: size - 1 });
}
