import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import {
  type ConnectionConfig,
  describeThrown,
  type NetworkConnection,
  NetworkError,
  type Transport,
  unwrap,
} from '@entropynet/core';
import { monotonicNow, startLimit } from '@entropynet/core/platform';
import { SharedMemoryTransport } from '@entropynet/transport-shm';
import { WebSocketTransport } from '@entropynet/transport-ws';
import { type Command } from 'commander';
import { CommandFailure, ExitCode } from '../support/command-failure.js';
import { configOf } from '../support/connection-config.js';
import { addClientOptions, addTransportOptions, type ConnectionOptions } from '../support/connection-options.js';
import { directoryFindings } from '../support/directory-findings.js';
import { endpointFindings } from '../support/endpoint-findings.js';
import { type Finding, problemOf } from '../support/finding.js';
import { checkDirectoryName } from '../support/paths.js';
import { formatBytes, print, printJson, type Terminal } from '../support/terminal.js';

interface DoctorOptions extends ConnectionOptions {
  readonly json?: true;
}

/** The memory for a region of the default size, with a reserve for the system. */
const LEAST_MEMORY = 64 * 1024 * 1024;
/** The default limit of connections: with fewer descriptors a server can't hold so many. */
const LEAST_DESCRIPTORS = 1024;

/** `entropynet doctor` tests each transport on this machine, and names the obstacles. */
export function addDoctor(program: Command, terminal: Terminal): void {
  addClientOptions(
    addTransportOptions(
      program
        .command('doctor')
        .argument('[endpoint]', 'where a server should be; without it, each transport is tried on this machine'),
    ),
  )
    .description('Test each transport, or one endpoint, and name each problem with its remedy.')
    .option('--json', 'print one JSON array')
    .addHelpText(
      'after',
      `
Examples:
  entropynet doctor --json
  entropynet doctor nats://127.0.0.1:4222/canvas    the NATS server, the credentials, and the servers of "canvas"
  entropynet doctor wss://host/canvas               whether a server is there and lets this side in`,
    )
    .action((endpoint: string | undefined, options: DoctorOptions) => doctor(terminal, endpoint, options));
}

async function doctor(terminal: Terminal, endpoint: string | undefined, options: DoctorOptions): Promise<void> {
  checkDirectoryName(options.directory);
  if (endpoint === undefined) checkMachineOptions(options);
  const findings =
    endpoint === undefined
      ? await machineFindings(options)
      : [runtimeFinding(), ...(await endpointFindings(configOf(endpoint, options), terminal))];
  if (options.json === true) printJson(terminal, findings, 2);
  else for (const finding of findings) show(terminal, finding);
  const problems = findings.filter(({ judgement }) => judgement === 'problem').length;
  if (problems > 0) throw new CommandFailure(`${problems} problem${problems === 1 ? '' : 's'} found`);
}

/** Refuses the options of a connection, because they would be ignored without an endpoint. */
function checkMachineOptions(options: DoctorOptions): void {
  const useless = Object.keys(options).find((key) => key !== 'directory' && key !== 'json');
  if (useless === undefined) return;
  const option = useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new CommandFailure(`--${option} is for an endpoint, and none was given`, ExitCode.Usage);
}

async function machineFindings(options: DoctorOptions): Promise<Finding[]> {
  return [
    runtimeFinding(),
    await trial('shared memory', new SharedMemoryTransport(), {
      endpoint: `doctor-${randomUUID()}`,
      ...(options.directory !== undefined && { sharedMemory: { directory: options.directory } }),
    }),
    await trial('WebSocket', new WebSocketTransport(), { endpoint: 'ws://127.0.0.1:0/doctor' }),
    ...memoryFindings(),
    ...(await directoryFindings(options.directory)),
    ...containerFindings(),
  ];
}

function show(terminal: Terminal, { what, judgement, found, remedy }: Finding): void {
  const mark = { good: 'ok     ', note: 'note   ', problem: 'PROBLEM' }[judgement];
  print(terminal, `${mark}  ${what}: ${found}`);
  if (remedy !== undefined) print(terminal, `         ${remedy}`);
}

function runtimeFinding(): Finding {
  const { platform, arch, versions } = process;
  const other = ['bun', 'deno', 'electron'].find((name) => versions[name] !== undefined);
  const found = `Node.js ${versions.node} on ${platform} ${release()}, ${arch}${other === undefined ? '' : `, as ${other}`}`;
  return { what: 'runtime', judgement: 'good', found };
}

/** The time limit for a message in this process, in milliseconds. */
const TRIAL_LIMIT_MS = 5000;

/** Tests a transport with a server, a client and a message in each direction, in this process. */
async function trial(what: string, transport: Transport, config: ConnectionConfig): Promise<Finding> {
  try {
    return await tryOut(what, transport, config);
  } catch (error) {
    const { code } = (error ?? {}) as { readonly code?: unknown };
    return problemOf(what, typeof code === 'string' ? code : 'unexpected', describeThrown(error));
  }
}

async function tryOut(what: string, transport: Transport, config: ConnectionConfig): Promise<Finding> {
  const server = transport.createServer(config);
  const ends: NetworkConnection[] = [];
  try {
    unwrap(await server.listen());
    const client = transport.createConnection({ ...config, endpoint: server.address() ?? config.endpoint });
    ends.push(client);
    const accepting = server.accept({ signal: AbortSignal.timeout(TRIAL_LIMIT_MS) });
    unwrap(await client.connect());
    const accepted = unwrap(await accepting);
    ends.push(accepted);
    accepted.setMessageCallback((data) => accepted.send(data));
    accepted.startReceiving();
    const start = monotonicNow();
    await roundTrip(client);
    const milliseconds = monotonicNow() - start;
    return { what, judgement: 'good', found: `works; the first message came back after ${milliseconds.toFixed(1)} ms` };
  } finally {
    for (const end of ends) await end.disconnect();
    await server.close();
  }
}

/** Sends a message, and waits until the peer has sent it back. */
async function roundTrip(client: NetworkConnection): Promise<void> {
  let stopLimit = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      stopLimit = startLimit(() => {
        reject(new NetworkError('Timeout', `a message did not come back within ${TRIAL_LIMIT_MS} ms`));
      }, TRIAL_LIMIT_MS);
      client.setMessageCallback(() => {
        resolve();
      });
      void client.send(Uint8Array.of(1, 2, 3)).then((sent) => {
        if (!sent.ok) reject(sent.error);
      });
    });
  } finally {
    stopLimit();
  }
}

function memoryFindings(): Finding[] {
  const limits = readIfThere('/proc/self/limits');
  if (limits === undefined) return [];
  const findings: Finding[] = [];
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  findings.push({
    what: 'descriptors',
    judgement: descriptors < LEAST_DESCRIPTORS ? 'note' : 'good',
    found: `this process may open ${descriptors}; a connection takes one on each side, and two while it is made`,
    ...(descriptors < LEAST_DESCRIPTORS && {
      remedy: `Raise it for many connections: ulimit -n ${LEAST_DESCRIPTORS}.`,
    }),
  });
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readIfThere('/proc/meminfo') ?? '')?.[1] ?? NaN) * 1024;
  if (Number.isFinite(available)) {
    const isShort = available < LEAST_MEMORY;
    findings.push({
      what: 'memory',
      judgement: isShort ? 'problem' : 'good',
      found: `${formatBytes(available)} available; a connection’s region has 4 MiB by default and uses only the memory that its traffic touches`,
      ...(isShort && { remedy: 'End other programs, or make regions smaller: sharedMemory.regionSize.' }),
    });
  }
  return findings;
}

function containerFindings(): Finding[] {
  const memory = readIfThere('/sys/fs/cgroup/memory.max')?.trim();
  const isContainer =
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv') ||
    process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
  const findings: Finding[] = [];
  if (isContainer) {
    findings.push({
      what: 'container',
      judgement: 'note',
      found: 'yes; its processes find servers of other containers only in a shared directory',
      remedy: 'Mount one directory into both and name it: sharedMemory.directory.',
    });
  }
  if (memory !== undefined && memory !== 'max') {
    const isShort = Number(memory) < LEAST_MEMORY;
    findings.push({
      what: 'memory of the control group',
      judgement: isShort ? 'problem' : 'note',
      found: `${formatBytes(Number(memory))} at most, regions included`,
      ...(isShort && { remedy: 'Raise it, or make regions smaller: sharedMemory.regionSize.' }),
    });
  }
  return findings;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
