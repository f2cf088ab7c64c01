import { expect } from 'chai';
import { Session } from '@entropynet/benchmarks/internal/session';
import type { PeerProgram, Subject } from '@entropynet/benchmarks/internal/subject';

/** A subject whose peer never connects. */
function subjectWith(program: PeerProgram): Subject {
  return {
    name: 'a peer that fails',
    kind: 'peer',
    peerProgram: () => program,
    serve: (startPeer) => {
      startPeer('nowhere');
      return new Promise(() => undefined);
    },
  };
}

async function failureOf(program: PeerProgram): Promise<unknown> {
  return Session.open(subjectWith(program)).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
}

describe('a session of the benchmark', () => {
  it('fails if its peer ends before it has connected', async () => {
    const failure = await failureOf({ command: process.execPath, options: ['-e', 'process.exit(3)'] });
    expect(failure).to.equal("the peer of 'a peer that fails' ended with exit code 3");
  });

  it('fails if the program of its peer does not exist', async () => {
    expect(await failureOf({ command: './no-such-program', options: [] })).to.include('ENOENT');
  });
});
