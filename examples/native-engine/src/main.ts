/**
 * `npm run example -- native-engine`: an engine in C++ computes frames at 60 Hz, and this process is its editor. With
 * `--port N` it also serves a page that shows the scene, until Ctrl+C.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwrap } from '@entropynet/core';
import { createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { webSocketTransportModule } from '@entropynet/transport-ws';
import { type Counts, readArguments } from './arguments.js';
import { checksumOf, Editor, Property } from './editor.js';
import { buildEngine, EngineProcess, missingForEngine } from './engine-process.js';
import { ScenePage } from './scene-page.js';

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;
const MIB = 1024 * 1024;
/** The object that the editor changes: the first, which is always there. */
const OBJECT = 0;
const OPACITY = 0.25;

const counts = fromCommandLine();
const missing = missingForEngine();
if (missing === undefined) await run();
else {
  process.stderr.write(`${missing}\n`);
  process.exitCode = EXIT_FAILED;
}

async function run(): Promise<void> {
  const program = buildEngine();
  // A folder of its own: an engine that runs here already is another one.
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-engine-'));
  const engine = new EngineProcess(program, 'engine', counts.objects, directory);
  try {
    await engine.listening();
    await edit(directory, engine);
  } finally {
    engine.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function edit(directory: string, engine: EngineProcess): Promise<void> {
  await using networking = await createNetworking({
    transports: [sharedMemoryTransportModule, webSocketTransportModule],
    log: () => undefined,
  });
  const connection = unwrap(
    networking.manager.openConnection({
      endpoint: 'engine',
      maxMessageSize: 256 * MIB,
      sharedMemory: { directory, regionSize: 16 * MIB },
    }),
  );
  // Before the engine shows anything: meanwhile this process reads nothing.
  const asset = new Uint8Array(counts['upload-bytes']);
  for (let index = 0; index < asset.length; index += 1) asset[index] = (index * 31) >>> 3;
  const checksum = checksumOf(asset);
  const editor = new Editor(connection, counts.objects);
  unwrap(await connection.connect());
  await editor.nextFrame();
  if (counts.port !== undefined) {
    await using page = await ScenePage.serve(networking.manager, editor, counts.port);
    process.stdout.write(`${page.address}\n`);
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), connection.closed]);
    await connection.close();
    return;
  }

  const framesUntilSeen = await editor.change(OBJECT, Property.Opacity, OPACITY);

  const before = editor.frames;
  const receipt = await editor.upload(asset);
  const framesWhileUploading = editor.frames - before;

  while (editor.frames < counts.frames) await editor.nextFrame();
  const { frames, updates } = editor;
  await connection.close();
  const report = await engine.stop();

  const isWhole = receipt.bytes === asset.length && receipt.checksum === checksum;
  print('frames that the editor saw', frames);
  print('updates in a frame', Math.round(updates / frames));
  print('frames until a change was seen', framesUntilSeen);
  print('bytes uploaded', receipt.bytes);
  print('the same bytes', isWhole ? 'yes' : 'no');
  print('frames during the upload', framesWhileUploading);
  print('late frames of the engine', `${report.late} of ${report.frames}`);
  if (!isWhole || report.wrongChanges > 0) process.exitCode = EXIT_FAILED;
}

function fromCommandLine(): Counts {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(EXIT_WRONG_ARGUMENTS);
  }
}

function print(what: string, value: number | string): void {
  console.log(`${what.padEnd(34)}${value}`);
}
