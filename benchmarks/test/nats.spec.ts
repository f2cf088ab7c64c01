import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureInProcess } from '@entropynet/benchmarks/internal/driver-process';
import { type Goal, goalsOf, isMet } from '@entropynet/benchmarks/internal/goals/index';
import type { Result } from '@entropynet/benchmarks/internal/measurement';
import { NatsBroker, natsUnavailable } from '@entropynet/benchmarks/internal/nats-broker';
import { nameOfFleet } from '@entropynet/benchmarks/internal/nats-fleets';
import { isInOtherBuild } from '@entropynet/benchmarks/internal/other-build';
import { leaveOut } from '@entropynet/test/support/leave-out';

const OURS = 'EntropyNet nats';
const RAW = 'raw nats';

function result(subject: string, figure: string, statistic: string, rounds: readonly number[]): Result {
  return {
    subject,
    figure,
    statistic,
    unit: statistic === 'p50' ? 'µs' : '/s',
    rounds,
    value: rounds[0] ?? Number.NaN,
  };
}

function goal(what: string, results: readonly Result[]): Goal {
  const found = goalsOf(results, []).find((each) => each.what === `${OURS} / ${RAW}, ${what}`);
  if (found === undefined) throw new Error(`there is no goal '${what}'`);
  return found;
}

describe('the benchmark over NATS', () => {
  it('compares this transport with the client that it stands on, round by round', () => {
    const [roundTrip, small, long] = ['round trip 64 B', 'one way 64 B', 'one way 65536 B'];
    const results = [
      result(OURS, roundTrip, 'p50', [130, 100, 390]),
      result(RAW, roundTrip, 'p50', [100, 100, 300]),
      result(OURS, small, 'rate', [10, 30]),
      result(RAW, small, 'rate', [10, 20]),
      result(OURS, long, 'rate', [79]),
      result(RAW, long, 'rate', [100]),
    ];
    const reached = [
      goal('round trip p50', results),
      goal('rate of 64 B', results),
      goal('rate of 64 KiB', results),
    ].map((each) => [each.sense, each.bound, each.reached, isMet(each)]);
    expect(reached).to.deep.equal([
      ['at most', 1.3, 1.3, true],
      ['at least', 1, 1.5, true],
      ['at least', 0.8, 0.79, false],
    ]);
  });

  it('says nothing of a goal of which one side was not measured', () => {
    const unmeasured = goal('rate of 64 B', [result(OURS, 'one way 64 B', 'rate', [1])]);
    expect(unmeasured.reached).to.equal(undefined);
    expect(isMet(unmeasured)).to.equal(undefined);
  });

  it('names what a fleet consists of', () => {
    expect(nameOfFleet({ connections: 10, pairs: 1, nodes: 1 })).to.equal(
      '10 connections of 2 hosts over one NATS server',
    );
    expect(nameOfFleet({ connections: 10_000, pairs: 50, nodes: 3 })).to.equal(
      '10000 connections of 100 hosts over a cluster of 3',
    );
  });

  it('asks another build for its transport', () => {
    const root = join(import.meta.dirname, '..', '..', '..');
    expect(isInOtherBuild(root, '@entropynet/transport-nats')).to.equal(true);
    expect(isInOtherBuild(root, '@entropynet/transport-pigeon')).to.equal(false);
  });

  it('starts NATS servers that know each other, and ends them', async function () {
    if (natsUnavailable !== undefined) leaveOut(this, natsUnavailable);
    const folder = mkdtempSync(join(tmpdir(), 'en-bench-'));
    const first = await NatsBroker.start({ folder, name: 'first', cluster: 'first' });
    try {
      const second = await NatsBroker.start({ folder, name: 'second', cluster: first });
      expect(second.host)
        .to.match(/^127\.0\.0\.1:\d+$/)
        .and.not.equal(first.host);
      expect(await second.monitor('varz')).to.include({ server_name: 'second', max_payload: 16_777_216 });
      await second.stop();
      expect(() => process.kill(second.processId, 0)).to.throw('ESRCH');
    } finally {
      await first.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  for (const subject of [OURS, RAW]) {
    it(`measures ${subject} in two processes`, async function () {
      this.timeout(60_000);
      if (natsUnavailable !== undefined) leaveOut(this, natsUnavailable);
      const measured = await measureInProcess({ subject, workloads: ['pipelined', 'one-way'] });
      expect(measured.map(({ figure, statistic }) => `${figure}, ${statistic}`)).to.deep.equal([
        'pipelined round trips, 64 in flight, rate',
        'one way 64 B, rate',
        'one way 64 B, bandwidth',
      ]);
      for (const { value } of measured) expect(value).to.be.above(0);
    });
  }
});
