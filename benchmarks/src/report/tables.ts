import { type Comparison, isWorse, ROUNDS_TO_JUDGE, WORSE_BELOW } from '../comparison.js';
import { type Goal, isMet } from '../goals/index.js';
import { LIMITS } from '../limits.js';
import { LESS_IS_BETTER, type Result } from '../measurement.js';
import { NATIVE_PAIR } from '../native-peers.js';
import { REFERENCE } from '../subjects/index.js';
import { formatRatio, formatTable, formatValue } from './format.js';

/** Finds one figure. */
class Lookup {
  constructor(private readonly results: readonly Result[]) {}

  get(subject: string, figure: string, statistic: string): Result | undefined {
    return this.results.find(
      (each) => each.subject === subject && each.figure === figure && each.statistic === statistic,
    );
  }

  text(subject: string, figure: string, statistic: string): string {
    const found = this.get(subject, figure, statistic);
    return found === undefined ? '' : formatValue(found.value, found.unit);
  }

  /** How many times better `subject` is than the reference. */
  gain(subject: string, figure: string, statistic: string): string {
    const own = this.get(subject, figure, statistic);
    const other = this.get(REFERENCE, figure, statistic);
    if (own === undefined || other === undefined) return '';
    return formatRatio(LESS_IS_BETTER.has(own.unit) ? other.value / own.value : own.value / other.value);
  }
}

/** The figures that decide, a line a subject, with how many times better than the reference each is. */
export function overview(results: readonly Result[], subjects: readonly string[]): string {
  const lookup = new Lookup(results);
  const [roundTrip, oneWay] = ['round trip 64 B', 'one way 64 B'];
  const head = ['64-byte messages', 'RTT p50', 'p99', `/ ${REFERENCE}`, 'one way', `/ ${REFERENCE}`, '64 in flight'];
  const rows = [...subjects, NATIVE_PAIR, LIMITS]
    .filter((subject) => results.some((each) => each.subject === subject))
    .map((subject) => [
      subject,
      lookup.text(subject, roundTrip, 'p50'),
      lookup.text(subject, roundTrip, 'p99'),
      lookup.gain(subject, roundTrip, 'p50'),
      lookup.text(subject, oneWay, 'rate'),
      lookup.gain(subject, oneWay, 'rate'),
      lookup.text(subject, 'pipelined round trips, 64 in flight', 'rate'),
    ]);
  return formatTable(head, rows);
}

/** Every other figure, a table each. */
export function details(results: readonly Result[]): string[] {
  const shown = new Set(['round trip 64 B', 'one way 64 B', 'pipelined round trips, 64 in flight']);
  const figures = [...new Set(results.map(({ figure }) => figure))].filter((figure) => !shown.has(figure));
  const lookup = new Lookup(results);
  return figures.map((figure) => {
    const own = results.filter((each) => each.figure === figure);
    const statistics = [...new Set(own.map(({ statistic }) => statistic))];
    const subjects = [...new Set(own.map(({ subject }) => subject))];
    // Many statistics of few subjects, as with connections, stand better on their side.
    if (statistics.length > 4) {
      const rows = statistics.map((statistic) => [
        statistic,
        ...subjects.map((subject) => lookup.text(subject, figure, statistic)),
      ]);
      return formatTable([figure, ...subjects], rows);
    }
    const rows = subjects.map((subject) => [
      subject,
      ...statistics.map((statistic) => lookup.text(subject, figure, statistic)),
    ]);
    return formatTable([figure, ...statistics], rows);
  });
}

/** What is to be reached, and what was. */
export function goalTable(goals: readonly Goal[]): string {
  const rows = goals
    .filter(({ reached }) => reached !== undefined)
    .map((goal) => [
      goal.what,
      `${goal.sense} ${goal.bound}`,
      (goal.reached ?? Number.NaN).toFixed(2),
      isMet(goal) === true ? 'yes' : 'no',
    ]);
  return formatTable(['goal', 'bound', 'reached', 'met'], rows);
}

/** How many times better this build is than the other one, a line a figure. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((comparison) => [
    comparison.subject,
    `${comparison.figure}, ${comparison.statistic}`,
    String(comparison.rounds),
    comparison.ratio.toFixed(3),
    `${comparison.low.toFixed(3)} to ${comparison.high.toFixed(3)}`,
    isWorse(comparison) ? 'worse' : '',
  ]);
  const table = formatTable(['this build / other build', 'figure', 'rounds', 'ratio', '95 % interval', ''], rows);
  const worse = comparisons.filter(isWorse).length;
  const rule = `worse: the whole interval of at least ${ROUNDS_TO_JUDGE} rounds lies below ${WORSE_BELOW}`;
  return `${table}\n${worse} of ${comparisons.length} figures are worse (${rule}).`;
}
