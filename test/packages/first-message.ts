import { build, type Format } from 'esbuild';
import type { Workbench } from './workbench.js';

/** Sends one message from one end to the other, and prints its transport and the reasons. */
export const FIRST_MESSAGE = `
import { createNetworking, unwrap } from 'entropynet';

void main();

async function main() {
  const networking = await createNetworking();
  const name = 'packed-' + process.pid + '-' + Date.now();
  const server = unwrap(networking.manager.createServer({ endpoint: name, fallback: ['ws://127.0.0.1:0/packed'] }));
  await server.listen();
  const webSocket = server.addresses().find((address) => address.startsWith('ws:'));
  const client = unwrap(networking.manager.openConnection({ endpoint: name, fallback: [webSocket] }));
  void server.accept().then(({ value }) => value.send(new TextEncoder().encode('hello')));
  unwrap(await client.connect());
  for await (const message of client.messages()) {
    const reasons = client.getSelection().passedOver.map(({ reason }) => reason);
    console.log(JSON.stringify({ text: new TextDecoder().decode(message), backend: client.getBackend(), reasons }));
    break;
  }
  await networking.close();
}
`;

/** The output of that program. */
export interface FirstMessage {
  readonly text: string;
  readonly backend: string;
  readonly reasons: readonly string[];
}

/** The path of the addon for this machine in the package of the shared-memory transport. */
export function prebuiltAddon(workbench: Workbench): string {
  const path = workbench.packed('@entropynet/transport-shm').files.find((file) => file.endsWith('.node'));
  if (path === undefined) throw new Error('there is no prebuilt addon');
  return path;
}

/** A program with everything that it imports, in one file. */
export async function bundled(program: string, folder: string, format: Format, shrinks = false): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: folder },
    bundle: true,
    minify: shrinks,
    platform: 'node',
    target: 'node20.19',
    format,
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
