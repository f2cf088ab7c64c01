import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { type Transport, TRANSPORT, type TransportModule } from '@entropynet/core';
import { LoopbackTransport } from '@entropynet/core/testing';
import { CONNECTION_MANAGER_OPTIONS, ConnectionManager, createNetworking } from '@entropynet/manager';

/** inversify extends `Reflect` when it is loaded, so a program of its own can tell when that happens. */
const PROGRAM = `
  import { ConnectionManager, createNetworking } from 'entropynet';
  const isLoaded = () => 'getMetadata' in Reflect;
  const networking = await createNetworking();
  const before = isLoaded();
  const isSame = networking.container.get(ConnectionManager) === networking.manager;
  console.log(before, isSame, isLoaded());
  await networking.close();
`;

const AN_OBJECT = Symbol('an object of a program');

function moduleOf(load: (binder: LooseBinder) => void): TransportModule {
  return { id: Symbol('module'), load: load };
}

/** The part of inversify's binder that a program in JavaScript may use. */
interface LooseBinder {
  readonly isBound?: (identifier: symbol) => boolean;
  bind(identifier: symbol): {
    toConstantValue(value: unknown): unknown;
    toDynamicValue(make: () => unknown): unknown;
  };
}

describe('the container of createNetworking()', () => {
  it('is made when a program reads it, and inversify is loaded then', async () => {
    const flags = ['--input-type=module', '-e', PROGRAM];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, flags, { cwd: import.meta.dirname });
    expect(stdout).to.equal('false true true\n');
    expect(stderr).to.equal('');
  });

  it('has the manager, its options and all that the modules bound', async () => {
    const transport = new LoopbackTransport();
    const value = { name: 'value' };
    const module = moduleOf(({ bind }) => {
      bind(TRANSPORT).toConstantValue(transport);
      bind(AN_OBJECT).toConstantValue(value);
    });
    const networking = await createNetworking({ transports: [module], capacity: 7 });
    const { container, manager } = networking;
    expect(networking.container).to.equal(container);
    expect(container.get(ConnectionManager)).to.equal(manager);
    expect(container.get(CONNECTION_MANAGER_OPTIONS)).to.deep.equal({ capacity: 7 });
    expect(container.getAll<Transport>(TRANSPORT)).to.deep.equal([transport]);
    expect(container.get(AN_OBJECT)).to.equal(value);
    await networking.close();
  });

  const more: Readonly<Record<string, (binder: LooseBinder) => void>> = {
    'binds more than constants': ({ bind }) => {
      bind(AN_OBJECT).toDynamicValue(() => 7);
    },
    'binds something else than a symbol': ({ bind }) => {
      bind('name' as unknown as symbol).toConstantValue(7);
    },
    'chooses among constants': ({ bind }) => {
      const bound = bind(AN_OBJECT).toConstantValue(7) as { whenDefault(): unknown };
      bound.whenDefault();
    },
    'uses more of the binder': ({ bind, isBound }) => {
      if (isBound?.(AN_OBJECT) === false) bind(AN_OBJECT).toConstantValue(7);
    },
    'goes on where only a container could': ({ bind }) => {
      try {
        bind(AN_OBJECT).toDynamicValue(() => 7);
      } catch {
        // It does without.
      }
    },
  };
  for (const [what, load] of Object.entries(more)) {
    it(`is made at once for a module that ${what}, and loads no other one again`, async () => {
      const transport = new LoopbackTransport();
      let loads = 0;
      const first = moduleOf(({ bind }) => {
        loads += 1;
        bind(TRANSPORT).toConstantValue(transport);
      });
      const networking = await createNetworking({ transports: [first, moduleOf(load)] });
      const { container } = networking;
      expect(loads).to.equal(1);
      expect(container.getAll<Transport>(TRANSPORT)).to.deep.equal([transport]);
      expect(container.isBound(AN_OBJECT) ? container.get(AN_OBJECT) : container.get('name')).to.equal(7);
      expect(networking.manager.openConnection({ endpoint: 'loopback://container' }).ok).to.equal(true);
      await networking.close();
    });
  }

  it('has a manager that no activation of the program replaces', async () => {
    const networking = await createNetworking({ transports: [] });
    const { container, manager } = networking;
    container.onActivation(ConnectionManager, () => new ConnectionManager([]));
    expect(container.get(ConnectionManager)).to.equal(manager);
    await networking.close();
  });

  it('is not needed for the error of a module, which the program gets as the module is loaded once', async () => {
    let loads = 0;
    const module = moduleOf(() => {
      loads += 1;
      throw new Error(`load ${loads}`);
    });
    const thrown = await createNetworking({ transports: [module] }).catch((error: unknown) => error);
    expect(thrown).to.have.property('message', 'load 1');
    expect(loads).to.equal(1);
  });
});
