/** The engine process: serves one editor, streams the scene to it and takes its upload. */
import { CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { Control, type EngineReport, tellMain } from './messages.js';
import { endOf, runWithNetworking } from './networking.js';
import { END_OF_SCENE, UPDATE_BYTES, writeUpdate } from './scene.js';
import { receiveFile } from './upload.js';

/** The stream goes on at least this long, also when the upload is short. */
const LEAST_UPDATES = 200_000;

/** Updates sent before other work of the event loop gets its turn. */
const SLICE = 1024;

await runWithNetworking(async (manager, config) => {
  // The same configuration as the editor's: the server listens on its endpoint and on every fallback at once.
  const server = unwrap(manager.createServer(config));
  unwrap(await server.listen());
  tellMain({ kind: 'listening' });

  const editor = unwrap(await server.accept());
  await Promise.race([serve(editor), endOf(editor, 'editor')]);
  // The editor has the last word: it leaves when it has the report.
  if (editor.isConnected()) await new Promise((resolve) => editor.once('state', resolve));
});

async function serve(editor: ConnectionHandle): Promise<void> {
  unwrap(await editor.openChannel(CHANNEL_CONTROL));
  editor.setChannelMessageCallback(CHANNEL_CONTROL, async (ping) => {
    // A ping goes back as it came. What fails is an `error` event, which ends the run.
    unwrap(await editor.sendOnChannel(CHANNEL_CONTROL, ping));
  });
  const upload = receiveFile(editor);
  const updates = await streamScene(editor, upload);
  const report: EngineReport = { ...(await upload), updates };
  unwrap(await editor.send(END_OF_SCENE));
  const reportBytes = Buffer.concat([Uint8Array.of(Control.Report), Buffer.from(JSON.stringify(report))]);
  unwrap(await editor.sendOnChannel(CHANNEL_CONTROL, reportBytes));
}

/** Sends updates as fast as the editor takes them, until the upload has arrived; resolves with their number. */
function streamScene(to: ConnectionHandle, until: Promise<unknown>): Promise<number> {
  // One buffer for all: `trySend` has taken the bytes when it returns.
  const bytes = new Uint8Array(UPDATE_BYTES);
  const update = new DataView(bytes.buffer);
  let sequence = 0;
  let isUploaded = false;
  void until.then(() => {
    isUploaded = true;
  });
  return new Promise((resolve, reject) => {
    const sendSlice = (): void => {
      for (let count = 0; count < SLICE; count += 1) {
        if (isUploaded && sequence >= LEAST_UPDATES) {
          resolve(sequence);
          return;
        }
        writeUpdate(update, sequence);
        const sent = to.trySend(bytes);
        if (!sent.ok) {
          // WouldBlock: nothing was queued, and the same update goes out when `drain` says that there is room.
          if (sent.error.code !== 'WouldBlock') reject(sent.error);
          return;
        }
        sequence += 1;
      }
      setImmediate(sendSlice);
    };
    to.on('drain', (channel) => {
      if (channel === undefined) sendSlice();
    });
    sendSlice();
  });
}
