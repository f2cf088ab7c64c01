import { type Scope, scoped, skippedTest, until } from '@entropynet/conformance/tools';
import { expect } from 'chai';
import { validate as validateDockerfile } from 'dockerfile-utils';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, parseDocument } from 'yaml';
import { freePort, NatsServer, natsUnavailable } from '../support/nats/nats-server.js';

const FOLDER = fileURLToPath(new URL('../../../examples/fleet/', import.meta.url));
const IMAGE = 'entropynet-fleet';
const NATS_IMAGE = 'nats:2.9';
const PASSWORD = 'a-password-of-nats';

interface Settings {
  readonly endpoint: string;
  readonly fallback: readonly string[];
  readonly nats: { readonly queueGroup: string };
}

interface ComposeService {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly ports?: readonly { readonly containerPort: number }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly ports?: readonly { readonly port: number }[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly template?: { readonly spec: { readonly containers: readonly Container[] } };
  };
}

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const settings = JSON.parse(read('fleet.json')) as Settings;
const [webSocket, nats] = settings.fallback.map((each) => new URL(each)) as [URL, URL];

/** The scheme, port and path of an address, which are the same everywhere. */
function shapeOf(address: string | undefined): string[] {
  const { protocol, port, pathname } = new URL(address ?? '');
  return [protocol, port, pathname];
}

describe('the deployments of the fleet example', () => {
  const compose = parseDocument(read('compose.yaml'), { merge: true });
  const services = (compose.toJS() as { services: Record<string, ComposeService> }).services;
  const documents = parseAllDocuments(read('kubernetes.yaml'));
  const manifests = documents.map((document) => document.toJS() as Manifest);
  const containers = manifests.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
  const namesOf = (kind: string): string[] =>
    manifests.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);

  it('are YAML without errors, and a Dockerfile', () => {
    for (const { errors, warnings } of [compose, ...documents]) expect([...errors, ...warnings]).to.be.empty;
    expect(validateDockerfile(read('Dockerfile'))).to.be.empty;
  });

  it('start the program and the NATS server that the tests use', () => {
    expect(new Set(Object.values(services).map(({ image }) => image))).to.deep.equal(new Set([IMAGE, NATS_IMAGE]));
    expect(new Set(containers.map(({ image }) => image))).to.deep.equal(new Set([IMAGE, NATS_IMAGE]));
    expect(read('Dockerfile')).to.contain('ENTRYPOINT ["node", "examples/fleet/dist/main.js"]');
    const commands = [
      ...Object.values(services).map(({ image, command }) => ({ image, command })),
      ...containers.map(({ image, args }) => ({ image, command: args })),
    ].filter(({ image }) => image === IMAGE);
    for (const { command } of commands) expect(['service', 'client']).to.include(command[0]);
  });

  it('have the ports and services of fleet.json in every address', () => {
    const environments = [
      ...Object.values(services).map(({ environment }) => environment),
      ...containers.map(({ env }) => Object.fromEntries(env.map(({ name, value }) => [name, value]))),
    ].filter((environment) => 'FLEET_SECRET' in environment);
    expect(environments.length).to.equal(6);
    for (const { FLEET_WEBSOCKET, FLEET_NATS } of environments) {
      expect(shapeOf(FLEET_WEBSOCKET)).to.deep.equal(shapeOf(webSocket.href));
      expect(shapeOf(FLEET_NATS)).to.deep.equal(shapeOf(nats.href));
      expect(Object.keys(services)).to.include(new URL(FLEET_NATS ?? '').hostname);
      expect(namesOf('Service')).to.include(new URL(FLEET_NATS ?? '').hostname);
    }
    const portsOf = (name: string): (number | undefined)[] => [
      manifests.find(({ kind, metadata }) => kind === 'Service' && metadata.name === name)?.spec?.ports?.[0]?.port,
      containers.find(({ args, ports }) => ports !== undefined && (args[0] === 'service') === (name === 'fleet'))
        ?.ports?.[0]?.containerPort,
    ];
    expect(portsOf('fleet')).to.deep.equal([Number(webSocket.port), Number(webSocket.port)]);
    expect(portsOf('nats')).to.deep.equal([Number(nats.port), Number(nats.port)]);
  });

  it('give the NATS server one configuration, with the subjects of the service', () => {
    const map = manifests.find(({ kind }) => kind === 'ConfigMap');
    expect(map?.data?.['nats.conf']).to.equal(read('nats.conf'));
    expect(services['nats']?.volumes).to.deep.equal(['./nats.conf:/etc/nats/nats.conf:ro']);
    const subject = `entropynet.${nats.pathname.slice(1)}`;
    expect(read('nats.conf').split(`["${subject}", "${subject}.>", "_INBOX.>"]`)).to.have.length(3);
  });

  it('name only secrets that are there', () => {
    const secret = manifests.find(({ kind }) => kind === 'Secret');
    const keys = Object.keys(secret?.stringData ?? {});
    const used = containers.flatMap(({ env }) => env.flatMap(({ valueFrom }) => valueFrom ?? []));
    expect(used).to.have.length.above(0);
    for (const { secretKeyRef } of used as { secretKeyRef: { name: string; key: string } }[]) {
      expect(secretKeyRef.name).to.equal(secret?.metadata.name);
      expect(keys).to.include(secretKeyRef.key);
    }
  });
});

describe('the fleet example', function () {
  this.timeout(120_000);

  if (natsUnavailable !== undefined) {
    skippedTest('runs', natsUnavailable);
    return;
  }

  const PROGRAM = join(FOLDER, 'dist', 'main.js');

  /** One of its programs, with a separate or a shared runtime folder. */
  function start(scope: Scope, environment: NodeJS.ProcessEnv, ...line: string[]): Program {
    const child = spawn(process.execPath, [PROGRAM, ...line], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    scope.defer(() => child.kill('SIGKILL'));
    return new Program(child);
  }

  async function place(scope: Scope): Promise<{ natsServer: NatsServer; environment: NodeJS.ProcessEnv }> {
    // As in the deployments, with the permissions of their configuration.
    const natsServer = await NatsServer.start(read('nats.conf').replace('$FLEET_NATS_PASSWORD', `"${PASSWORD}"`));
    scope.defer(() => natsServer.stop());
    return {
      natsServer,
      environment: {
        XDG_RUNTIME_DIR: folderOf(scope),
        FLEET_WEBSOCKET: `ws://127.0.0.1:${await freePort()}/fleet`,
        FLEET_NATS: `nats://${natsServer.host}/fleet`,
        FLEET_NATS_PASSWORD: PASSWORD,
        FLEET_SECRET: 'a secret of both sides',
      },
    };
  }

  it(
    'serves every transport with one configuration, and clients fall back in both directions',
    scoped(async (scope) => {
      const { environment } = await place(scope);
      const service = start(scope, environment, 'service');
      await service.printed('listening on');
      for (const address of [environment['FLEET_WEBSOCKET'], environment['FLEET_NATS']])
        expect(service.output).to.contain(address);
      // Another host does not have the shared memory of the service.
      const elsewhere = { ...environment, XDG_RUNTIME_DIR: folderOf(scope) };
      const closed = await freePort();
      for (const [line, way, changes] of [
        [[], 'websocket', {}],
        [['--prefer', 'nats'], 'nats', {}],
        [[], 'nats', { FLEET_WEBSOCKET: `ws://127.0.0.1:${closed}/fleet` }],
        [['--prefer', 'nats'], 'websocket', { FLEET_NATS: `nats://127.0.0.1:${closed}/fleet` }],
      ] as const) {
        const client = start(scope, { ...elsewhere, ...changes }, 'client', '--count', '1', ...line);
        expect(await client.ended(), client.output).to.equal(0);
        expect(client.output).to.contain(`over ${way}\n`).and.to.contain('answers message 1\n');
      }
    }),
  );

  it(
    'goes on over WebSocket when the NATS server dies',
    scoped(async (scope) => {
      const { natsServer, environment } = await place(scope);
      const service = start(scope, environment, 'service');
      await service.printed('listening on');
      const elsewhere = { ...environment, XDG_RUNTIME_DIR: folderOf(scope) };
      const client = start(scope, elsewhere, 'client', '--prefer', 'nats');
      await client.printed('over nats\n');
      await natsServer.kill();
      await client.printed('over websocket\n');
      const before = client.output.length;
      await until(() => client.output.slice(before).includes('answers message'), 'an answer over WebSocket');
    }),
  );

  it(
    'ends where an address for other hosts does not work',
    scoped(async (scope) => {
      const { environment } = await place(scope);
      const wrong = { ...environment, FLEET_NATS_PASSWORD: 'wrong-password' };
      const service = start(scope, wrong, 'service');
      expect(await service.ended()).to.equal(1);
      expect(service.output).to.contain('not listening over nats').and.to.not.contain('wrong-password');
    }),
  );

  for (const [line, named] of [
    [[], "'' is not a role"],
    [['clown'], "'clown' is not a role"],
    [['client', '--prefer', 'mail'], "'mail' is not a preference"],
    [['client', '--count', '0'], "'0' is not a count"],
  ] as const) {
    it(
      `answers ${JSON.stringify(line)} with one sentence and exit code 2`,
      scoped(async (scope) => {
        const program = start(scope, {}, ...line);
        expect(await program.ended()).to.equal(2);
        expect(program.output).to.contain(named).and.to.contain('allowed are');
      }),
    );
  }
});

/** A running program, with its output. */
class Program {
  readonly #closed: Promise<number | null>;
  output = '';

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => (this.output += text.toString()));
    this.#closed = once(child, 'close').then(([code]) => code as number | null);
  }

  async printed(text: string): Promise<void> {
    await until(() => this.output.includes(text), `it printed '${text}'`);
  }

  ended(): Promise<number | null> {
    return this.#closed;
  }
}

function folderOf(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'en-fleet-'));
  scope.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
