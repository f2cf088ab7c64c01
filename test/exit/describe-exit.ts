import { Recorder, scoped, skippedTest, until } from '@entropynet/conformance/tools';
import { unwrap } from '@entropynet/core';
import type { TransportFixture } from '@entropynet/conformance';
import { expect } from 'chai';
import { CHOSEN_EXIT_CODE, ENDINGS, LIFE_STAGES, STILL_ALIVE_EXIT_CODE, type Ending } from '../support/exit-task.js';
import { IS_WHOLE_MATRIX } from '../support/matrix.js';
import { runExitProgram } from '../support/run-exit-program.js';

const EXPECTED_CODES: Readonly<Record<Ending, number>> = {
  'process.exit': CHOSEN_EXIT_CODE,
  'uncaught exception': 1,
  'unhandled rejection': 1,
  'worker.terminate': CHOSEN_EXIT_CODE,
};

/**
 * Contract, EXIT. A spec file awaits it at its top level.
 * @param half the half of all pairs of a stage and an ending that this run tests, unless it tests the whole matrix
 */
export async function describeExit(name: string, fixture: TransportFixture, half: 0 | 1): Promise<void> {
  const reason = await fixture.unavailableReason?.();
  describe(`exit, with ${name}`, function () {
    this.timeout(60_000);
    if (reason !== undefined) {
      skippedTest('[EXIT-2] [EXIT-3] leaves nothing behind', reason);
      return;
    }
    before(() => fixture.prepare?.());
    after(() => fixture.dispose?.());
    describeCutShort(fixture, half);
    describeQuietLives(fixture);
  });
}

function describeCutShort(fixture: TransportFixture, half: 0 | 1): void {
  for (const [endingNumber, ending] of ENDINGS.entries()) {
    for (const [stageNumber, stage] of LIFE_STAGES.entries()) {
      if (!IS_WHOLE_MATRIX && (endingNumber + stageNumber) % 2 !== half) continue;
      it(`[EXIT-3] crashes nothing and leaves nothing behind: ${ending}, ${stage}`, async () => {
        const exit = await runExitProgram({
          module: fixture.peerModule,
          config: fixture.freshConfig(),
          life: { stage, ending },
        });
        expect(exit.signal, exit.output).to.equal(null);
        expect(exit.code, exit.output).to.equal(EXPECTED_CODES[ending]);
        await expectNothingLeft(fixture);
      });
    }
  }
}

function describeQuietLives(fixture: TransportFixture): void {
  const { capabilities } = fixture.createTransport();

  for (const quiet of ["unref'd connection", "unref'd server", 'closed'] as const) {
    it(`[EXIT-2] ends by itself with code 0: ${quiet}, both ends in one process`, async () => {
      const exit = await runExitProgram({ module: fixture.peerModule, config: fixture.freshConfig(), life: { quiet } });
      expect(exit, exit.output).to.include({ code: 0, signal: null });
      await expectNothingLeft(fixture);
    });
  }

  if (!capabilities.crossProcess) {
    skippedTest("[EXIT-2] stays alive for a ref'd connection", 'both ends of this transport are in one thread');
    return;
  }

  for (const [quiet, code] of [
    ["unref'd connection", 0],
    ["ref'd connection", STILL_ALIVE_EXIT_CODE],
  ] as const) {
    it(
      `[EXIT-2] ${code === 0 ? 'ends by itself with code 0' : 'stays alive'}: ${quiet} to another process`,
      scoped(async (scope) => {
        const config = fixture.freshConfig();
        const server = scope.add(fixture.createTransport().createServer(config));
        unwrap(await server.listen());
        const address = server.address()!;
        const ended = runExitProgram({ module: fixture.peerModule, config, life: { quiet, address } });
        const accepted = scope.add(unwrap(await server.accept()));
        const { states } = new Recorder(accepted);
        accepted.startReceiving();
        const exit = await ended;
        expect(exit, exit.output).to.include({ code, signal: null });
        await until(() => states.length > 0, 'the other process saw the end');
      }),
    );
  }
}

async function expectNothingLeft({ leftovers }: TransportFixture): Promise<void> {
  if (leftovers === undefined) return;
  const names = await leftovers();
  expect(names, 'left behind').to.deep.equal([]);
}
