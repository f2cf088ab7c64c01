import assert from 'node:assert/strict';
import { getHeapSpaceStatistics } from 'node:v8';
import { Roster } from '@entropynet/core';
import { KeyedRoster } from '@entropynet/core/platform';

interface Member {
  readonly name: string;
}

function named(name: string): Member {
  return { name };
}

function namesIn(roster: Roster<Member>): string[] {
  return [...roster].map(({ name }) => name);
}

describe('Roster', () => {
  it('holds its members once, in the order of joining', () => {
    const roster = new Roster<Member>();
    const [first, second, third] = [named('first'), named('second'), named('third')];
    for (const member of [first, second, third, first]) roster.add(member);
    assert.deepEqual(namesIn(roster), ['first', 'second', 'third']);
    assert.equal(roster.delete(first), true);
    assert.equal(roster.delete(first), false);
    assert.deepEqual([roster.size, roster.has(first), roster.has(third)], [2, false, true]);
    roster.add(first);
    assert.deepEqual(namesIn(roster), ['second', 'third', 'first']);
  });

  it('visits a member that joins meanwhile, and none that leaves before its turn', () => {
    const roster = new Roster<Member>();
    const [first, second, third] = [named('first'), named('second'), named('third')];
    for (const member of [first, second]) roster.add(member);
    const visited: string[] = [];
    for (const { name } of roster) {
      visited.push(name);
      roster.delete(second);
      roster.add(third);
    }
    assert.deepEqual(visited, ['first', 'third']);
  });

  it('keeps no member that has left, although only the young generation is collected', () => {
    const roster = new Roster<number[]>();
    const present: number[][] = [];
    const replace = (members: number): void => {
      for (let count = 0; count < members; count += 1) {
        const member = Array.from({ length: MEMBER_WORDS }, (_unused, index) => index / 2);
        roster.add(member);
        if (present.push(member) > PRESENT) roster.delete(present.shift() as number[]);
      }
    };
    replace(REPLACED);
    // What survives twice is old: from now on, the tables of the roster are.
    for (let count = 0; count < 3; count += 1) collectYoung();
    const survived = Array.from({ length: ROUNDS }, () => {
      replace(REPLACED);
      collectYoung();
      return youngBytes();
    });
    const presentBytes = PRESENT * MEMBER_WORDS * BYTES_OF_WORD;
    assert.ok(Math.max(...survived) < 2 * presentBytes, `${survived.join(', ')} bytes survived, not ${presentBytes}`);
  });
});

describe('KeyedRoster', () => {
  it('holds one member for each key, in the order in which the keys joined', () => {
    const roster = new KeyedRoster<number, Member>();
    roster.set(7, named('first'));
    roster.set(3, named('second'));
    roster.set(7, named('third'));
    assert.deepEqual(
      [...roster].map(([key, { name }]) => [key, name]),
      [
        [7, 'third'],
        [3, 'second'],
      ],
    );
    assert.equal(roster.delete(7), true);
    assert.equal(roster.delete(7), false);
    assert.deepEqual([roster.size, roster.has(7), roster.get(7), roster.get(3)?.name], [1, false, undefined, 'second']);
  });

  it('visits no member that leaves before its turn', () => {
    const roster = new KeyedRoster<string, Member>();
    for (const name of ['first', 'second', 'third']) roster.set(name, named(name));
    const visited: string[] = [];
    for (const { name } of roster.values()) {
      visited.push(name);
      roster.delete('second');
    }
    assert.deepEqual(visited, ['first', 'third']);
  });
});

const PRESENT = 32;
const REPLACED = 4 * PRESENT;
const ROUNDS = 10;
const MEMBER_WORDS = 500;
const BYTES_OF_WORD = 8;

function collectYoung(): void {
  const { gc } = globalThis as { gc?: (options: { type: 'minor' }) => void };
  assert.ok(gc !== undefined, 'this test needs --expose-gc');
  gc({ type: 'minor' });
}

/** The bytes of the young generation, which holds the survivors of a collection right after it. */
function youngBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name === 'new_space')
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}
