import type { AgentName, EndedReport, FailureReport, InspectorState, ProcessReport } from '@entropynet/inspector';
import { reportSchema } from '@entropynet/inspector/internal/report-schema';
import { encodeReportWithin, encodeWithin } from '@entropynet/inspector/internal/encode-within';
import { Journal } from '@entropynet/inspector/internal/server/journal';
import { expect } from 'chai';
import { connectionReport, inspectorState, processState } from './support.js';

describe('the memory and the messages of the inspector', () => {
  const agent: AgentName = { key: '1', name: 'program', processId: 7, threadId: 0 };
  const ended = (id: number): EndedReport => ({ ...connectionReport({ id }), endedAt: id, code: '', message: '' });
  const failure = (id: number): FailureReport => ({
    ...{ id, at: id, backend: 'b', endpoint: 'e', code: 'Timeout', message: 'm' },
  });

  it('records each end and each failure once, the newest first, after any number of reports', () => {
    const journal = new Journal();
    const first = processState('1', 0, [], { ended: [ended(2), ended(1)], failures: [failure(1)] }).report;
    const second = processState('1', 1, [], { ended: [ended(3), ended(2)], failures: [failure(2), failure(1)] }).report;
    journal.note(agent, undefined, first);
    journal.note(agent, first, second);
    expect(journal.ended.map(({ id }) => id)).to.deep.equal([3, 2, 1]);
    expect(journal.failures.map(({ id }) => id)).to.deep.equal([2, 1]);
    expect(journal.ended[0]?.agent).to.equal(agent);
  });

  it('records the connections of an agent that has left, and forgets the oldest', () => {
    const journal = new Journal();
    const connections = Array.from({ length: 700 }, (_value, index) => connectionReport({ id: index + 1 }));
    journal.noteGone(agent, processState('1', 0, connections).report, 99);
    expect(journal.ended).to.have.length(500);
    expect(journal.ended.at(-1)).to.include({ id: 700, endedAt: 99, code: 'AgentGone' });
  });

  it('records nothing twice when an agent comes back, and no connection that stands', () => {
    const journal = new Journal();
    const before = processState('1', 0, [connectionReport({ id: 3 }), connectionReport({ id: 4 })], {
      ended: [ended(2), ended(1)],
      failures: [failure(1)],
    }).report;
    journal.note(agent, undefined, before);
    journal.noteGone(agent, before, 99);
    expect(journal.ended.map(({ id }) => id)).to.have.members([1, 2, 3, 4]);
    const back = { ...before, connections: [connectionReport({ id: 4 })], ended: [ended(3), ...before.ended] };
    const other = { ...agent, key: '2', processId: 8 };
    journal.note(other, undefined, { ...back, processId: 8, connections: [], failures: [] });
    journal.note({ ...agent, key: '3' }, undefined, back);
    const recorded = journal.ended.map(({ id, agent: { key } }) => `${key}/${id}`);
    expect(recorded).to.have.members(['2/1', '2/2', '2/3', '3/1', '3/2', '3/3']);
    expect(journal.failures.map(({ id, agent: { key } }) => `${key}/${id}`)).to.deep.equal(['3/1']);
  });

  it('omits connections if a state is too long, and counts them', () => {
    const encode = (state: InspectorState): Uint8Array => new TextEncoder().encode(JSON.stringify(state));
    const connections = Array.from({ length: 100 }, (_value, index) => connectionReport({ id: index + 1 }));
    const state = inspectorState([processState('1', 0, connections), processState('2', 0, connections.slice(0, 3))]);
    const shown = (bytes: Uint8Array): InspectorState => JSON.parse(new TextDecoder().decode(bytes)) as InspectorState;
    expect(shown(encodeWithin(state, 1e6, encode)).leftOut).to.equal(0);
    const bytes = encodeWithin(state, 10_000, encode);
    expect(bytes.length).to.be.within(5000, 10_000);
    const { processes, leftOut } = shown(bytes);
    const [first, second] = processes.map(({ report }) => report.connections.length);
    expect(second).to.equal(3);
    expect(first! + leftOut).to.equal(100);
    expect(shown(encodeWithin(state, 10, encode)).leftOut).to.equal(103);
  });

  it('omits connections if the encoder refuses the state, because its text would be too long', () => {
    const connections = Array.from({ length: 100 }, (_value, index) => connectionReport({ id: index + 1 }));
    const state = inspectorState([processState('1', 0, connections)]);
    const sizes: number[] = [];
    const encode = ({ processes, leftOut }: InspectorState): Uint8Array => {
      const size = processes[0]?.report.connections.length ?? 0;
      sizes.push(size);
      if (size > 10) throw new RangeError('Invalid string length');
      expect(size + leftOut).to.equal(100);
      return new Uint8Array(size);
    };
    expect(encodeWithin(state, 1000, encode).length).to.be.within(1, 10);
    expect(sizes).to.deep.equal([100, 50, 25, 12, 6]);
    const hopeless = (): never => {
      throw new RangeError('Invalid string length');
    };
    expect(() => encodeWithin(state, 1000, hopeless)).to.throw(RangeError);
  });

  it('omits connections of a report that is too long', () => {
    const connections = Array.from({ length: 100 }, (_value, index) => connectionReport({ id: index + 1 }));
    const { report } = processState('1', 0, connections);
    const encode = (each: ProcessReport): Uint8Array => new TextEncoder().encode(JSON.stringify(each));
    expect(encodeReportWithin(report, 1e6, encode)).to.deep.equal(encode(report));
    const bytes = encodeReportWithin(report, 10_000, encode);
    expect(bytes.length).to.be.within(5000, 10_000);
    const shown = JSON.parse(new TextDecoder().decode(bytes)) as ProcessReport;
    expect(shown).to.include({ connectionCount: 100 });
    expect(shown.connections[0]).to.include({ id: 1 });
    expect(encodeReportWithin(report, 10, encode).length).to.be.below(1000);
  });

  it('refuses a report with an impossible time, which the page could not show', () => {
    const isTaken = (report: unknown): boolean => {
      const checked = reportSchema['~standard'].validate(report);
      return !('issues' in checked) || checked.issues === undefined;
    };
    const reportWith = (at: number): object[] => {
      const last = { ...ended(1), endedAt: at };
      return [
        processState('1', 0, [connectionReport({ since: at })]).report,
        processState('1', 0, [], { startedAt: at }).report,
        processState('1', 0, [], { ended: [last] }).report,
        processState('1', 0, [], { failures: [{ ...failure(1), at }] }).report,
      ];
    };
    for (const report of reportWith(8.64e15)) expect(isTaken(report)).to.equal(true);
    for (const at of [8.64e15 + 2, 1e300, -1])
      for (const report of reportWith(at)) expect(isTaken(report), JSON.stringify(report)).to.equal(false);
  });
});
