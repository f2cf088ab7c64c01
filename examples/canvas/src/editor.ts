/** The editor process: takes the scene, uploads a file and measures how long the engine takes to answer. */
import { performance } from 'node:perf_hooks';
import { CHANNEL_ASSET_UPLOAD, CHANNEL_CONTROL, unwrap } from '@entropynet/core';
import type { ConnectionHandle } from '@entropynet/manager';
import { LatencyRecorder } from './latency.js';
import { Control, type EngineReport, type RunResult, tellMain } from './messages.js';
import { endOf, runWithNetworking } from './networking.js';
import { SceneReader } from './scene.js';
import { announcementOf, sendFile } from './upload.js';

const PING_INTERVAL_MS = 1;

const file = process.argv[3] ?? process.execPath;

await runWithNetworking(async (manager, config) => {
  const announcement = await announcementOf(file);
  const engine = unwrap(manager.openConnection(config));
  const scene = new SceneReader();
  // Set before connecting, so that the first update finds it.
  const sceneEnded = readScene(engine, scene);
  unwrap(await engine.connect());

  const work = async (): Promise<RunResult> => {
    unwrap(await engine.openChannel(CHANNEL_CONTROL));
    unwrap(await engine.openChannel(CHANNEL_ASSET_UPLOAD));
    const latency = new LatencyRecorder();
    const startedAt = performance.now();
    const reported = exchangePings(engine, latency);
    await sendFile(engine, file, announcement, (sent) => {
      tellMain({ kind: 'progress', sent, total: announcement.size });
    });
    // Channels are independent: the report may overtake the last updates, so both ends are waited for.
    const [report] = await Promise.all([reported, sceneEnded]);
    const seconds = (performance.now() - startedAt) / 1000;
    return resultOf(engine, scene, report, seconds, latency);
  };
  const result = await Promise.race([work(), endOf(engine, 'engine')]);
  tellMain({ kind: 'result', result });
});

/** Resolves at the end of the scene. */
function readScene(from: ConnectionHandle, scene: SceneReader): Promise<void> {
  return new Promise((resolve) => {
    from.setMessageCallback(
      (update) => {
        if (update.length === 0) resolve();
        else scene.read(update);
      },
      // An update is read at once and not kept: on shared memory this spares a copy.
      { ownership: 'borrow' },
    );
  });
}

/** Sends one ping after the other until the engine reports the end of its work. */
function exchangePings(to: ConnectionHandle, latency: LatencyRecorder): Promise<EngineReport> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let timer: NodeJS.Timeout | undefined;
    const ping = (): void => {
      sentAt = performance.now();
      void to.sendOnChannel(CHANNEL_CONTROL, Uint8Array.of(Control.Ping)).then((sent) => {
        if (!sent.ok) reject(sent.error);
      });
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

function resultOf(
  engine: ConnectionHandle,
  scene: SceneReader,
  { updates, bytes, sha256Match }: EngineReport,
  seconds: number,
  latency: LatencyRecorder,
): RunResult {
  const selection = engine.getSelection();
  if (selection === undefined) throw new Error('a handle that was connected knows its transport');
  return {
    transport: selection.backend,
    selection,
    messages: scene.received,
    faults: scene.faults(updates),
    seconds,
    bytes,
    sha256Match,
    controlLatencyUs: { p50: latency.percentile(50), p99: latency.percentile(99) },
  };
}
