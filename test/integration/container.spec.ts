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

  it('is made at once for a module that binds more than constants', async () => {
    const transport = new LoopbackTransport();
    const module = moduleOf(({ bind }) => {
      bind(TRANSPORT).toDynamicValue(() => transport);
    });
    const networking = await createNetworking({ transports: [module] });
    expect(networking.container.getAll<Transport>(TRANSPORT)).to.deep.equal([transport]);
    expect(networking.manager.openConnection({ endpoint: 'loopback://container' }).ok).to.equal(true);
    await networking.close();
  });

  it('is not needed for the error of a module, which the program gets', async () => {
    const fault = new Error('no transport today');
    const module = moduleOf(() => {
      throw fault;
    });
    const thrown = await createNetworking({ transports: [module] }).catch((error: unknown) => error);
    expect(thrown).to.equal(fault);
  });
});
