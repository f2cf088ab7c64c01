/**
 * A process with an agent in its main thread and one in another thread. Its argument is the configuration of the
 * inspector as JSON.
 */
import type { ConnectionConfig } from '@entropynet/core';
import { startInspectorAgent } from '@entropynet/inspector';
import { isMainThread, threadId, Worker, workerData } from 'node:worker_threads';

const inspector = isMainThread ? process.argv[2] : String(workerData);
const config = JSON.parse(inspector ?? '') as ConnectionConfig;
startInspectorAgent({ name: `thread ${threadId}`, inspector: config, intervalMs: 50 });
if (isMainThread) new Worker(new URL(import.meta.url), { workerData: inspector });
process.on('disconnect', () => process.exit());
setInterval(() => undefined, 1000);
