import { DatabaseServer, type DatabaseKind, postgresql, redisServer } from './support/database-server.js';
import { describePostgres } from './support/postgres.js';
import { describeRedis } from './support/redis.js';

/* Clients of databases, with real servers. Where these are not installed, their tests are pending, and one line says so. */

describe('clients of databases', function () {
  this.timeout(60_000);

  const missing: DatabaseKind[] = [];

  after(() => {
    if (missing.length === 0) return;
    const names = missing.map(({ name }) => name).join(' and ');
    const packages = missing.map(({ packageName }) => packageName).join(' ');
    const way = `apt-get install --no-install-recommends ${packages}`;
    process.stdout.write(`    left out: what needs ${names}, which is not installed here (${way})\n`);
  });

  function describeWith(kind: DatabaseKind, body: (socket: () => string) => void): void {
    describe(kind.name, () => {
      let server: DatabaseServer | undefined;

      before(async function () {
        if (kind.program === undefined) {
          missing.push(kind);
          this.skip();
        }
        server = await DatabaseServer.start(kind);
      });

      after(() => server?.stop());

      body(() => server?.socket ?? '');
    });
  }

  describeWith(redisServer, describeRedis);
  describeWith(postgresql, describePostgres);
});
