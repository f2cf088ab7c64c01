const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB'];

/** Returns bytes in a unit for people. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  for (; rest >= 1024 && unit < BYTE_UNITS.length - 1; unit += 1) rest /= 1024;
  return `${unit === 0 ? Math.round(rest) : rest.toFixed(rest < 10 ? 2 : 1)} ${BYTE_UNITS[unit] ?? ''}`;
}

export function rate(value: number): string {
  return `${bytes(value)}/s`;
}

/** Returns messages a second, in a short form for large numbers. */
export function perSecond(value: number): string {
  if (value < 10 && value % 1 !== 0) return value.toFixed(1);
  if (value < 10_000) return value.toFixed(0);
  return value < 1e7 ? `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)} k` : `${(value / 1e6).toFixed(1)} M`;
}

/** Returns milliseconds in a unit for people. */
export function duration(milliseconds: number): string {
  if (milliseconds < 0.001) return '0 ms';
  if (milliseconds < 1) return `${(milliseconds * 1000).toFixed(0)} µs`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(0)} h`;
}

/** Made once, because a formatter is costly and a table has thousands of times. */
const TIME = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

export function clock(at: number): string {
  return TIME.format(at);
}

export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : what.endsWith('s') ? 'es' : 's'}`;
}
