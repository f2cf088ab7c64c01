import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import pg from 'pg';
import copyStreams from 'pg-copy-streams';
import { until, within } from '@entropynet/conformance/tools';
import { describeClient, type Site } from './describe-client.js';
import { told } from './told.js';

/** An error of the server, by its code. */
type ServerError = Error & { readonly code?: string };

/** pg with a server of PostgreSQL; its tests go through a gateway to the socket. */
export function describePostgres(socket: () => string): void {
  describeClient('pg', 'gateway', describeEach, socket);
}

function describeEach(site: Site): void {
  const config = { user: 'postgres', database: 'postgres', stream: site.connect };
  let client: pg.Client;

  async function connect(): Promise<pg.Client> {
    const connecting = new pg.Client(config);
    connecting.on('error', () => undefined);
    await connecting.connect();
    return connecting;
  }

  beforeEach(async () => {
    client = await connect();
  });

  afterEach(() => client.end());

  it('queries, with parameters and long results', async () => {
    const sum = await client.query<{ sum: number }>('select $1::int + $2::int as sum', [40, 2]);
    expect(sum.rows).to.deep.equal([{ sum: 42 }]);
    const long = await client.query<{ value: string }>(
      "select repeat('x', 1000) || n as value from generate_series(1, 5000) n",
    );
    expect(long.rows.every(({ value }, index) => value === `${'x'.repeat(1000)}${index + 1}`)).to.equal(true);
    expect(long.rowCount).to.equal(5000);
  });

  it('copies into a table and out of it', async () => {
    await client.query('create temporary table copied (number int, line text)');
    const lines = Array.from({ length: 20_000 }, (_each, index) => `${index}\tline ${index}\n`);
    await pipeline(Readable.from(lines), client.query(copyStreams.from('copy copied from stdin')));
    const out = client.query(copyStreams.to('copy (select * from copied order by number) to stdout'));
    expect(await text(out)).to.equal(lines.join(''));
  });

  it('is notified by another client', async () => {
    const notified = told<pg.Notification>(client, 'notification');
    await client.query('listen news');
    const other = await connect();
    await other.query("notify news, 'hello'");
    const notification = await within(notified, 'the notification came');
    expect(notification.payload).to.equal('hello');
    await other.end();
  });

  it('cancels a query by a connection of its own', async () => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const query = new pg.Query('select pg_sleep(600)');
    const failed = new Promise<ServerError>((resolve) => {
      query.on('error', resolve);
    });
    client.query(query);
    const other = await connect();
    const isSleeping = async (): Promise<boolean> => {
      const found = await other.query('select 1 from pg_stat_activity where pid = $1 and wait_event = $2', [
        rows[0]?.pid,
        'PgSleep',
      ]);
      return found.rowCount === 1;
    };
    await until(isSleeping, 'the query runs');
    await other.end();
    // The types of the package lack it.
    const canceller = new pg.Client(config) as pg.Client & { cancel(client: pg.Client, query: pg.Query): void };
    canceller.cancel(client, query);
    expect((await within(failed, 'the query was cancelled')).code).to.equal('57014');
  });

  it('sees the server end its session', async () => {
    const victim = await connect();
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    const failed = told<ServerError>(victim, 'error');
    const ended = told(victim, 'end');
    await client.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    const error = await within(failed, 'the client was told why');
    expect(error.code).to.equal('57P01');
    await within(ended, 'the client ended');
  });

  it('pools, and ends', async () => {
    const pool = new pg.Pool({ ...config, max: 4 });
    const numbers = Array.from({ length: 200 }, (_each, index) => index);
    const results = await Promise.all(
      numbers.map((number) => pool.query<{ n: number }>('select $1::int as n', [number])),
    );
    expect(results.map(({ rows }) => rows[0]?.n)).to.deep.equal(numbers);
    expect(pool.totalCount).to.be.within(1, 4);
    await within(pool.end(), 'the pool ended');
  });

  it('says that it ended', async () => {
    const other = await connect();
    const ended = told(other, 'end');
    await other.end();
    await within(ended, 'the client ended');
  });
}
