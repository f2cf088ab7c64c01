import { DatabaseServer, type DatabaseKind, postgresql, redisServer } from './support/database-server.js';
import { describePostgres } from './support/postgres.js';
import { describeRedis } from './support/redis.js';
import { leaveOut } from '../support/leave-out.js';

/* Clients of databases, with real servers. Where these are not installed, their tests are pending, and one line says so. */

describe('clients of databases', function () {
  this.timeout(60_000);

  function describeWith(kind: DatabaseKind, body: (socket: () => string) => void): void {
    describe(kind.name, () => {
      let server: DatabaseServer | undefined;

      before(async function () {
        const { name, packageName } = kind;
        const way = `apt-get install --no-install-recommends ${packageName}`;
        if (kind.program === undefined) leaveOut(this, `what needs ${name}, which is not installed here (${way})`);
        server = await DatabaseServer.start(kind);
      });

      after(() => server?.stop());

      body(() => server?.socket ?? '');
    });
  }

  describeWith(redisServer, describeRedis);
  describeWith(postgresql, describePostgres);
});
