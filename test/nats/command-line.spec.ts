import { type Scope, scopedBy } from '@entropynet/conformance/tools';
import { nkeys } from '@nats-io/transport-node';
import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningCommand } from '../support/command.js';
import { runInProcess } from '../support/command-in-process.js';
import { freshName } from '../support/fresh-name.js';
import { describeNats, NatsScope } from '../support/nats/describe-nats.js';
import { issueUser, seedOf } from '../support/nats/issued-user.js';
import { freePort } from '../support/nats/nats-server.js';
import { LOCALHOST_CERTIFICATE, LOCALHOST_PRIVATE_KEY } from '../support/web-socket/localhost-certificate.js';

interface Finding {
  readonly what: string;
  readonly judgement: string;
  readonly found: string;
  readonly remedy?: string;
}

/** The results of the doctor for an endpoint, by check. */
async function doctor(...line: string[]): Promise<{ code: number | null; findings: Record<string, Finding> }> {
  const { code, output } = await runInProcess(['doctor', ...line, '--json']);
  const findings = JSON.parse(output) as Finding[];
  return { code, findings: Object.fromEntries(findings.map((finding) => [finding.what, finding])) };
}

describeNats('the command line over NATS', () => {
  const test = (body: (scope: NatsScope) => Promise<void>): (() => Promise<void>) =>
    scopedBy(() => new NatsScope(), body);

  async function listen(scope: Scope, endpoint: string, ...more: string[]): Promise<RunningCommand> {
    const server = scope.add(new RunningCommand(['listen', endpoint, ...more], {}));
    await server.said('listening on');
    return server;
  }

  function freshFolder(scope: Scope): string {
    const folder = mkdtempSync(join(tmpdir(), 'en-nats-command-'));
    scope.defer(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    return folder;
  }

  it(
    'doctor says that all is well, up to the round trip',
    test(async (scope) => {
      const endpoint = `nats://${(await scope.natsServer()).host}/${freshName()}`;
      await listen(scope, endpoint);
      const { code, findings } = await doctor(endpoint);
      expect(code, JSON.stringify(findings)).to.equal(0);
      expect(findings['NATS server']?.found).to.match(
        /^version \d+\.\d+\.\d+ answers after .+; max_payload is 1.00 MiB$/,
      );
      expect(findings['credentials']?.found).to.equal('the NATS server asks for none');
      expect(findings['service']?.found).to.match(/^a server of 'entropynet\..+' is there$/);
      expect(findings['handshake']?.found).to.match(/^connected over nats after/);
      expect(findings['round trip']?.found).to.match(/^the server answered a ping after/);
    }),
  );

  it(
    'doctor says that nobody serves the service',
    test(async (scope) => {
      const { host } = await scope.natsServer();
      const { code, findings } = await doctor(`nats://${host}/nobody`);
      expect(code).to.equal(1);
      expect(Object.keys(findings)).to.deep.equal(['runtime', 'NATS server', 'credentials', 'service']);
      expect(findings['service']?.found).to.contain("nobody serves 'entropynet.nobody'").and.to.contain('503');
      expect(findings['service']?.remedy).to.match(/^Start the server/);
    }),
  );

  it('doctor says that there is no NATS server', async () => {
    const { code, findings } = await doctor(`nats://127.0.0.1:${await freePort()}/canvas`);
    expect(code).to.equal(1);
    expect(findings['NATS server']).to.include({ judgement: 'problem' });
    expect(findings['NATS server']?.found).to.contain('nothing listens at');
    expect(findings['NATS server']?.remedy).to.contain('Start a NATS server');
  });

  it(
    'doctor says whether the credentials are accepted, and hides them',
    test(async (scope) => {
      const { host } = await scope.natsServer('authorization { user: "u", password: "hunter2" }');
      for (const [given, judgement] of [
        ['u:hunter2@', 'good'],
        ['u:wrong2@', 'problem'],
        ['', 'problem'],
      ] as const) {
        const { findings } = await doctor(`nats://${given}${host}/canvas`);
        expect(findings['credentials']?.judgement, given).to.equal(judgement);
        expect(JSON.stringify(findings)).to.not.match(/hunter2|wrong2/);
      }
    }),
  );

  it(
    'doctor names the subject that the NATS server forbids, at once',
    test(async (scope) => {
      const permissions = 'permissions: { publish: { deny: "entropynet.>" } }';
      const { host } = await scope.natsServer(`authorization { users: [{ user: u, password: p, ${permissions} }] }`);
      const { code, findings } = await doctor(`nats://u:p@${host}/canvas`);
      expect(code).to.equal(1);
      expect(findings['service']?.found).to.contain("does not permit publishing to 'entropynet.canvas'");
    }),
  );

  it(
    'doctor says that the secret differs',
    test(async (scope) => {
      const endpoint = `nats://${(await scope.natsServer()).host}/${freshName()}`;
      const folder = freshFolder(scope);
      writeFileSync(join(folder, 'secret'), 'the right secret of both sides');
      await listen(scope, endpoint, '--secret-file', join(folder, 'secret'));
      const { code, findings } = await doctor(endpoint);
      expect(code).to.equal(1);
      expect(findings['handshake']?.found).to.contain('HandshakeFailed');
      expect(findings['handshake']?.remedy).to.contain('same secret');
    }),
  );

  for (const [endpoint, sentence] of [
    ['nats://127.0.0.1:4222/', 'it names no service'],
    ['nats://127.0.0.1:4222/a b', "can't be a service"],
    ['ftp://here/', "unknown scheme 'ftp'"],
  ] as const) {
    it(`doctor refuses ${endpoint} as wrong usage`, async () => {
      const { code, output, errors } = await runInProcess(['doctor', endpoint]);
      expect([code, output]).to.deep.equal([2, '']);
      expect(errors).to.contain(sentence);
    });
  }

  it(
    'listen, ping and connect talk',
    test(async (scope) => {
      const endpoint = `nats://${(await scope.natsServer()).host}/${freshName()}`;
      await listen(scope, endpoint, '--echo');
      const ping = await runInProcess(['ping', endpoint, '-n', '3', '-i', '0', '--json']);
      expect(ping.code, ping.errors).to.equal(0);
      expect(JSON.parse(ping.output)).to.include({ backend: 'nats', received: 3 });
      const connect = scope.add(new RunningCommand(['connect', endpoint], {}));
      connect.type('hello\n');
      await connect.printed('hello');
      connect.endInput();
      expect(await connect.ended()).to.include({ code: 0 });
    }),
  );

  it(
    'send and receive carry a file, and a client falls back to NATS',
    test(async (scope) => {
      const endpoint = `nats://${(await scope.natsServer()).host}/${freshName()}`;
      const folder = freshFolder(scope);
      const file = join(folder, 'big');
      writeFileSync(file, Buffer.alloc(3_000_001, 'entropy'));
      const receive = scope.add(new RunningCommand(['receive', endpoint, join(folder, 'in'), '--once'], {}));
      await receive.said('listening on');
      const send = await runInProcess(['send', file, freshName(), '--fallback', endpoint]);
      expect(send.code, send.errors).to.equal(0);
      expect(send.errors).to.contain('over nats');
      expect(await receive.ended()).to.include({ code: 0 });
      expect(readFileSync(join(folder, 'in', 'big')).equals(readFileSync(file))).to.be.true;
    }),
  );

  it(
    'trusts the authority of --ca, with NATS alone and beside WebSocket',
    test(async (scope) => {
      const folder = freshFolder(scope);
      const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
      writeFileSync(certificate, LOCALHOST_CERTIFICATE);
      writeFileSync(key, LOCALHOST_PRIVATE_KEY);
      const { host } = await scope.natsServer(`tls { cert_file: "${certificate}", key_file: "${key}" }`);
      const endpoint = `nats://${host}/${freshName()}`;
      await listen(scope, endpoint, '--echo', '--ca', certificate);
      const own = ['--ca', certificate];
      const ping = ['-n', '1', '--json'];
      for (const line of [
        ['ping', endpoint, ...own],
        ['ping', `wss://127.0.0.1:${await freePort()}/`, '--fallback', endpoint, ...own],
      ]) {
        const { code, output, errors } = await runInProcess([...line, ...ping]);
        expect(code, errors).to.equal(0);
        expect(JSON.parse(output)).to.include({ backend: 'nats', received: 1 });
      }
      const { code, findings } = await doctor(endpoint);
      expect(code).to.equal(1);
      expect(findings['NATS server']?.found).to.contain('HandshakeFailed');
      expect(findings['NATS server']?.remedy).to.contain('--ca names the authority');
      expect(await doctor(endpoint, ...own)).to.include({ code: 0 });
    }),
  );

  it(
    'shows the NKey of --nkey',
    test(async (scope) => {
      const folder = freshFolder(scope);
      const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
      writeFileSync(join(folder, 'user.nk'), `${seedOf(user)}\n`);
      writeFileSync(join(folder, 'stranger.nk'), seedOf(stranger));
      const nats = await scope.natsServer(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`);
      const endpoint = `nats://${nats.host}/${freshName()}`;
      const own = ['--nkey', join(folder, 'user.nk')];
      await listen(scope, endpoint, ...own);
      expect(await doctor(endpoint, ...own)).to.include({ code: 0 });
      const { code, findings } = await doctor(endpoint, '--nkey', join(folder, 'stranger.nk'));
      expect(code).to.equal(1);
      expect(findings['credentials']?.judgement).to.equal('problem');
    }),
  );

  it(
    'shows the credentials file of --creds',
    test(async (scope) => {
      const file = join(freshFolder(scope), 'user.creds');
      const { configuration, credentials } = issueUser();
      const endpoint = `nats://${(await scope.natsServer(configuration)).host}/${freshName()}`;
      writeFileSync(file, credentials);
      await listen(scope, endpoint, '--creds', file);
      expect(await doctor(endpoint, '--creds', file)).to.include({ code: 0 });
      writeFileSync(file, issueUser().credentials);
      const { code, findings } = await doctor(endpoint, '--creds', file);
      expect(code).to.equal(1);
      expect(findings['credentials']?.judgement).to.equal('problem');
    }),
  );
});
