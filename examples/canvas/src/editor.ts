/** The editor process: takes the scene, uploads a file and measures how long the engine takes to answer. */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { LatencyRecorder } from './latency.js';
import { Control, type EngineReport, tellMain } from './messages.js';
import { startNetworking } from './networking.js';
import { UpdateChecker } from './scene.js';

const CHUNK_BYTES = 256 * 1024;
const PING_INTERVAL_MS = 1;

const file = process.argv[3] ?? '';
const { networking, config } = await startNetworking();
const engine = unwrap(networking.manager.openConnection(config));
const checker = new UpdateChecker();
engine.setMessageCallback(
  (update) => {
    checker.check(update);
  },
  { ownership: 'borrow' },
);
engine.on('state', (state, error) => {
  if (state === 'failed')
    tellMain({ kind: 'failed', reason: `the editor lost the engine: ${error?.message ?? 'no reason'}` });
});
unwrap(await engine.connect());
unwrap(await engine.openChannel(CHANNEL_CONTROL));
unwrap(await engine.openChannel(CHANNEL_ASSET_UPLOAD));

const latency = new LatencyRecorder();
const startedAt = performance.now();
const reported = exchangePings(engine);
const sha256 = await uploadFile(engine);
const report = await reported;
while (checker.received < report.updates && engine.isConnected()) await new Promise((resolve) => setImmediate(resolve));
const seconds = (performance.now() - startedAt) / 1000;

const selection = engine.getSelection();
if (selection === undefined) throw new Error('a connected handle knows its transport');
tellMain({
  kind: 'result',
  result: {
    transport: selection.backend,
    selection,
    messages: checker.received,
    lost: Math.abs(report.updates - checker.received) + checker.wrong,
    seconds,
    bytes: report.bytes,
    sha256Match: report.sha256 === sha256,
    controlLatencyUs: { p50: latency.percentile(50), p99: latency.percentile(99) },
  },
});
await networking.close();
process.disconnect();

/** Sends one ping after the other until the engine reports the end of its stream. */
function exchangePings(to: ConnectionHandle): Promise<EngineReport> {
  return new Promise((resolve) => {
    let sentAt = 0;
    let timer: NodeJS.Timeout | undefined;
    const ping = (): void => {
      sentAt = performance.now();
      void to.sendOnChannel(CHANNEL_CONTROL, Uint8Array.of(Control.Ping));
    };
    to.setChannelMessageCallback(CHANNEL_CONTROL, (message) => {
      if (message[0] === Control.Ping) {
        latency.record((performance.now() - sentAt) * 1000);
        timer = setTimeout(ping, PING_INTERVAL_MS);
        return;
      }
      clearTimeout(timer);
      resolve(JSON.parse(Buffer.from(message.subarray(1)).toString()) as EngineReport);
    });
    ping();
  });
}

/** Uploads the file in chunks, each when the one before it was accepted; resolves with its SHA-256. */
async function uploadFile(to: ConnectionHandle): Promise<string> {
  const total = statSync(file).size;
  const hash = createHash('sha256');
  let sent = 0;
  unwrap(await to.sendOnChannel(CHANNEL_ASSET_UPLOAD, Buffer.from(String(total))));
  // A file that grows meanwhile is uploaded as long as it was.
  const chunks = total === 0 ? [] : createReadStream(file, { highWaterMark: CHUNK_BYTES, end: total - 1 });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    hash.update(chunk);
    unwrap(await to.sendOnChannel(CHANNEL_ASSET_UPLOAD, chunk));
    sent += chunk.length;
    tellMain({ kind: 'progress', sent, total });
  }
  return hash.digest('hex');
}
