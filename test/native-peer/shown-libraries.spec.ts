import { unwrap } from '@entropynet/core';
import { type InspectedRegion, inspectSharedMemory } from '@entropynet/transport-shm';
import { expect } from 'chai';
import { RunningCommand } from '../support/command.js';
import { describeNative } from './support/native-site.js';

const VERSION = /^[+a-z]+ \d+\.\d+\.\d+$/;

describeNative('a peer in another language', (site) => {
  const commandLine = (...words: string[]) => new RunningCommand([...words, '--directory', site().directory], {}, '');

  async function shownBy(...words: string[]): Promise<string> {
    const { output } = await commandLine(...words).ended();
    return output;
  }

  function regionOf(processId: number | undefined): InspectedRegion | undefined {
    const { regions } = unwrap(inspectSharedMemory({ directory: site().directory }));
    return regions.find(({ server, client }) => server?.id === processId || client?.id === processId);
  }

  for (const role of ['connect', 'serve'] as const) {
    it(`in C that ${role === 'serve' ? 'serves' : 'connects'} is shown with its language and version`, async () => {
      const { program, connection } = await site().echo(role);
      const { library = '' } = connection.peer;
      expect(library).to.match(/^c /).and.to.match(VERSION);
      const region = regionOf(program.process.pid);
      const [near, far] = role === 'serve' ? (['client', 'server'] as const) : (['server', 'client'] as const);
      expect(region?.[`${far}Library`]).to.equal(library);
      expect(region?.[`${near}Library`])
        .to.match(/^node /)
        .and.to.match(VERSION);
      expect(region?.[near]?.id).to.equal(process.pid);
      expect(region?.madeAt).to.be.a('number');
      expect(await shownBy('inspect', '--once', '--interval', '50')).to.match(
        new RegExp(`  ${far} ${String(program.process.pid)} since [^:]+, ${library}: `),
      );
    });
  }

  it('in C that waits for clients is named by inspect and by doctor', async () => {
    await site().start('serve', 'echo');
    const [server] = unwrap(inspectSharedMemory({ directory: site().directory })).servers;
    expect(server?.library).to.match(/^c /);
    const library = server?.library ?? '';
    expect(await shownBy('inspect', '--once', '--interval', '50')).to.include(`, ${library}: `);
    expect(await shownBy('doctor')).to.include(`; their libraries: ${library}`);
    expect(await shownBy('doctor', site().endpoint)).to.include(`; the server is ${library}`);
  });
});
