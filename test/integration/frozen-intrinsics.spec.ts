import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { freshName } from '../support/fresh-name.js';

const PROGRAM = `
  import { createNetworking, unwrap } from 'entropynet';
  const { manager, close } = await createNetworking({ config: { endpoint: process.env.NAME } });
  const server = unwrap(manager.createServer());
  unwrap(await server.listen());
  const handle = unwrap(manager.openConnection());
  unwrap(await handle.connect());
  console.log(handle.getState());
  const peer = unwrap(await server.accept());
  unwrap(handle.trySend(new Uint8Array(0)));
  unwrap(handle.trySend(Uint8Array.of(1, 2)));
  for await (const message of peer.messages()) {
    console.log(message.length);
    if (message.length > 0) break;
  }
  await close();
`;

describe('frozen built-ins', () => {
  it('stop no connection and no message, also without the container', async () => {
    const flags = ['--no-warnings', '--frozen-intrinsics', '--input-type=module', '-e', PROGRAM];
    const env = { ...process.env, NAME: freshName() };
    const { stdout } = await promisify(execFile)(process.execPath, flags, { env, cwd: import.meta.dirname });
    expect(stdout).to.equal('connected\n0\n2\n');
  });
});
