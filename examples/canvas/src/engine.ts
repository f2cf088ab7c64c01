/** The engine process: serves one editor, streams the scene to it and takes its upload. */
import { createHash } from 'node:crypto';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { Control, type EngineReport, tellMain } from './messages.js';
import { startNetworking } from './networking.js';
import { UPDATE_BYTES, writeUpdate } from './scene.js';

/** The stream goes on at least this long, also when the upload is short. */
const LEAST_UPDATES = 200_000;

/** Updates sent before other work of the event loop gets its turn. */
const SLICE = 1024;

const { networking, config } = await startNetworking();
const server = unwrap(networking.manager.createServer(config));
unwrap(await server.listen());
tellMain({ kind: 'listening' });
const editor = unwrap(await server.accept());
unwrap(await editor.openChannel(CHANNEL_CONTROL));
unwrap(await editor.openChannel(CHANNEL_ASSET_UPLOAD));

editor.setChannelMessageCallback(CHANNEL_CONTROL, (ping) => {
  // A ping goes back as it came.
  void editor.sendOnChannel(CHANNEL_CONTROL, ping);
});
const upload = receiveUpload(editor);
const updates = streamScene(editor, upload);
const report: EngineReport = { ...(await upload), updates: await updates };
const reportBytes = Buffer.concat([Uint8Array.of(Control.Report), Buffer.from(JSON.stringify(report))]);
unwrap(await editor.sendOnChannel(CHANNEL_CONTROL, reportBytes));

if (editor.isConnected()) await new Promise((resolve) => editor.on('state', resolve));
await networking.close();
process.disconnect();

/** Takes a file: its length as text, then its bytes. */
function receiveUpload(from: ConnectionHandle): Promise<{ bytes: number; sha256: string }> {
  return new Promise((resolve) => {
    const hash = createHash('sha256');
    let total: number | undefined;
    let received = 0;
    from.setChannelMessageCallback(
      CHANNEL_ASSET_UPLOAD,
      (chunk) => {
        if (total === undefined) total = Number(Buffer.from(chunk).toString());
        else {
          hash.update(chunk);
          received += chunk.length;
        }
        if (received === total) resolve({ bytes: received, sha256: hash.digest('hex') });
      },
      // The hash reads the bytes at once, so they need not be copied.
      { ownership: 'borrow' },
    );
  });
}

/** Sends updates as fast as the editor takes them, until the upload has arrived; resolves with their number. */
function streamScene(to: ConnectionHandle, until: Promise<unknown>): Promise<number> {
  const bytes = new Uint8Array(UPDATE_BYTES);
  const update = new DataView(bytes.buffer);
  let sequence = 0;
  let isUploaded = false;
  void until.then(() => {
    isUploaded = true;
  });
  return new Promise((resolve) => {
    const slice = (): void => {
      for (let count = 0; count < SLICE; count += 1) {
        if (isUploaded && sequence >= LEAST_UPDATES) {
          resolve(sequence);
          return;
        }
        writeUpdate(update, sequence);
        if (!to.trySend(bytes).ok) {
          // Nothing was queued: the same update goes out when there is room.
          if (to.isConnected()) to.once('drain', slice);
          return;
        }
        sequence += 1;
      }
      setImmediate(slice);
    };
    slice();
  });
}
