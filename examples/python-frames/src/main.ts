/** `npm run example -- python-frames`: this process sends frames of a video, and Python reads them into NumPy. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type SendClaim, unwrap } from '@entropynet/core';
import { type ConnectionHandle, createNetworking } from '@entropynet/manager';
import { sharedMemoryTransportModule } from '@entropynet/transport-shm';
import { type Counts, readArguments } from './arguments.js';
import { buildLibrary, missingForReader, ReaderProcess } from './reader-process.js';

const EXIT_FAILED = 1;
const EXIT_WRONG_ARGUMENTS = 2;
const MIB = 1024 * 1024;
/** Width, height and number of a frame, and 4 bytes that mean nothing. */
const HEADER_BYTES = 16;

const counts = fromCommandLine();
const frameBytes = HEADER_BYTES + counts.width * counts.height * 3;
const missing = missingForReader();
if (missing === undefined) await run();
else {
  process.stderr.write(`${missing}\n`);
  process.exitCode = EXIT_FAILED;
}

async function run(): Promise<void> {
  const library = buildLibrary();
  const directory = mkdtempSync(join(tmpdir(), 'entropynet-frames-'));
  let reader: ReaderProcess | undefined;
  try {
    await using networking = await createNetworking({
      transports: [sharedMemoryTransportModule],
      log: () => undefined,
    });
    const server = unwrap(
      networking.manager.createServer({
        endpoint: 'camera',
        // A frame of 1920 x 1080 is 6 MB; a quarter of a ring and half of a window take it in one piece.
        channelWindow: 16 * MIB,
        sharedMemory: { directory, regionSize: 64 * MIB },
      }),
    );
    unwrap(await server.listen());
    reader = new ReaderProcess(library, directory);
    const connection = unwrap(await reader.during(server.accept()));
    await show(connection, reader);
  } finally {
    reader?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function show(connection: ConnectionHandle, reader: ReaderProcess): Promise<void> {
  const answers: number[] = [];
  const answered = new Promise<void>((resolve) => {
    connection.setMessageCallback((data) => {
      answers.push(new DataView(data.buffer, data.byteOffset).getFloat64(0, true));
      if (answers.length === counts.frames) resolve();
    });
  });
  const start = performance.now();
  for (let number = 0; number < counts.frames; number += 1) {
    const claim = await reader.during(roomFor(connection));
    paint(claim.bytes, number);
    unwrap(claim.commit());
  }
  await reader.during(answered);
  const seconds = (performance.now() - start) / 1000;
  await connection.close();
  const computedWith = await reader.finished();

  const wrong = answers.filter((brightness, number) => Math.abs(brightness - brightnessOf(number)) > 1e-6).length;
  print('frames read by Python', answers.length);
  print('wrong answers', wrong);
  print('bytes in a frame', frameBytes);
  print('computed with', computedWith);
  print('frames a second', Math.round(counts.frames / seconds));
  if (wrong > 0) process.exitCode = EXIT_FAILED;
}

/** Room in the ring for the next frame: the picture is painted there, and Python looks at it there. */
async function roomFor(connection: ConnectionHandle): Promise<SendClaim> {
  for (;;) {
    const claim = connection.claim(frameBytes);
    if (claim.ok) return claim.value;
    if (claim.error.code !== 'WouldBlock') throw claim.error;
    await new Promise<void>((resolve) => {
      connection.once('drain', () => {
        resolve();
      });
    });
  }
}

/** One colour for each frame: a flat picture, whose brightness both sides know. */
function paint(bytes: Uint8Array, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  view.setUint32(0, counts.width, true);
  view.setUint32(4, counts.height, true);
  view.setUint32(8, number, true);
  view.setUint32(12, 0, true);
  bytes.fill(brightnessOf(number), HEADER_BYTES);
}

function brightnessOf(number: number): number {
  return (number * 7) % 256;
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
