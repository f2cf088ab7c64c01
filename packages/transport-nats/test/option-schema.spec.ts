import { type ConnectionConfig, NetworkError } from '@entropynet/core';
import { NatsConnection, NatsConnectionServer } from '@entropynet/transport-nats';
import { expect } from 'chai';

const NOT_EMPTY = 'a string that is not empty is allowed';
const DURATION = 'a whole number from 1 to 2147483647 is allowed';
const WORDS = 'words of letters, digits, _ and -, with dots between them, are allowed';

/** A wrong section `nats`, the key that the error names, and the values that it says were given and are allowed. */
type WrongSection = readonly [section: unknown, key: string, given: string, allowed: string];

const WRONG: readonly WrongSection[] = [
  [5, 'nats', '5', 'an object is allowed'],
  [null, 'nats', 'null', 'an object is allowed'],
  [{ servers: 'host' }, 'nats.servers', 'a string', 'a list is allowed'],
  [{ servers: [1] }, 'nats.servers.0', '1', NOT_EMPTY],
  [{ user: '' }, 'nats.user', 'an empty string', NOT_EMPTY],
  [{ user: 'someone', password: true }, 'nats.password', 'true', 'a string is allowed'],
  [{ token: '' }, 'nats.token', 'an empty string', NOT_EMPTY],
  [{ credentials: [] }, 'nats.credentials', 'a list', NOT_EMPTY],
  [{ nkeySeed: '' }, 'nats.nkeySeed', 'an empty string', NOT_EMPTY],
  [{ tls: true }, 'nats.tls', 'true', 'an object is allowed'],
  [{ tls: { certificate: '' } }, 'nats.tls.certificate', 'an empty string', NOT_EMPTY],
  [{ tls: { privateKey: '' } }, 'nats.tls.privateKey', 'an empty string', NOT_EMPTY],
  [{ tls: { certificateAuthority: 1 } }, 'nats.tls.certificateAuthority', 'a number', NOT_EMPTY],
  [{ tls: { rejectUnauthorized: 'no' } }, 'nats.tls.rejectUnauthorized', 'a string', 'true or false is allowed'],
  [{ tls: { handshakeFirst: 1 } }, 'nats.tls.handshakeFirst', '1', 'true or false is allowed'],
  [{ name: '' }, 'nats.name', 'an empty string', NOT_EMPTY],
  [{ subjectPrefix: 'a..b' }, 'nats.subjectPrefix', 'a string', WORDS],
  [{ subjectPrefix: 'a.>' }, 'nats.subjectPrefix', 'a string', WORDS],
  [{ inboxPrefix: '_INBOX.*' }, 'nats.inboxPrefix', 'a string', WORDS],
  [{ queueGroup: 'two words' }, 'nats.queueGroup', 'a string', WORDS],
  [{ heartbeat: 5 }, 'nats.heartbeat', '5', 'an object is allowed'],
  [{ heartbeat: { intervalMs: 0 } }, 'nats.heartbeat.intervalMs', '0', DURATION],
  [{ heartbeat: { timeoutMs: -1 } }, 'nats.heartbeat.timeoutMs', '-1', DURATION],
  [{ handshakeTimeoutMs: '1s' }, 'nats.handshakeTimeoutMs', 'a string', DURATION],
  [{ maxConnections: 65_537 }, 'nats.maxConnections', '65537', 'a whole number from 1 to 65536 is allowed'],
  [{ maxConnections: 1.5 }, 'nats.maxConnections', '1.5', 'a whole number from 1 to 65536 is allowed'],
  [{ windowBytes: 1 }, 'nats.windowBytes', '1', 'a whole number from 16384 to 67108864 is allowed'],
  [{ maxPendingBytes: 1 }, 'nats.maxPendingBytes', '1', 'a whole number from 1048576 to 1073741824 is allowed'],
  [{ maxBufferedBytes: 1 }, 'nats.maxBufferedBytes', '1', 'a whole number from 65536 to 1073741824 is allowed'],
  [{ connection: 5 }, 'nats.connection', '5', 'a NatsConnection of @nats-io is allowed'],
];

/** Keys that are right alone and contradict each other. */
const CONTRADICTIONS: readonly (readonly [section: object, sentence: string])[] = [
  [{ user: 'someone', token: 'SECRET' }, "'nats.token' was given together with 'nats.user'"],
  [{ nkeySeed: 'SECRET', credentials: 'SECRET' }, "'nats.credentials' was given together with 'nats.nkeySeed'"],
  [{ token: 'SECRET', credentials: 'SECRET' }, "'nats.token' was given together with 'nats.credentials'"],
  [{ password: 'SECRET' }, "'nats.password' was given without 'nats.user'"],
  [{ tls: { certificate: 'PUBLIC' } }, "'nats.tls.certificate' and 'nats.tls.privateKey' go together"],
  [{ tls: { privateKey: 'SECRET' } }, "'nats.tls.certificate' and 'nats.tls.privateKey' go together"],
];

/** The error of both constructors, which is the same. */
function refusalOf(nats: unknown): NetworkError {
  const config = { endpoint: 'nats://127.0.0.1:4222/canvas', nats } as ConnectionConfig;
  const [first, second] = [() => new NatsConnection(config), () => new NatsConnectionServer(config)].map((create) => {
    try {
      create();
    } catch (error) {
      if (error instanceof NetworkError) return error;
      throw error;
    }
    throw new Error(`accepted: ${JSON.stringify(nats)}`);
  });
  expect(first?.message).to.equal(second?.message);
  if (first === undefined) throw new Error('two constructors were called');
  return first;
}

describe("a wrong section 'nats'", () => {
  for (const [section, key, given, allowed] of WRONG) {
    it(`is refused with the key, the given value and the allowed ones: ${JSON.stringify(section)}`, () => {
      const { code, message } = refusalOf(section);
      expect(code).to.equal('InvalidParameter');
      expect(message).to.contain(`'${key}' was given ${given}; ${allowed}`);
    });
  }

  it('is refused if it has an unknown key, with the known ones', () => {
    const { message } = refusalOf({ server: 'SECRET' });
    expect(message).to.contain("unknown key 'nats.server'").and.to.not.contain('SECRET');
    for (const key of ['servers', 'user', 'tls', 'queueGroup', 'windowBytes', 'connection'])
      expect(message).to.contain(key);
    expect(refusalOf({ tls: { ca: 'SECRET' } }).message)
      .to.contain("unknown key 'nats.tls.ca'")
      .and.to.contain('certificateAuthority')
      .and.to.not.contain('SECRET');
  });

  for (const [section, sentence] of CONTRADICTIONS) {
    it(`is refused with both keys, and without their values: ${sentence}`, () => {
      const { code, message } = refusalOf(section);
      expect(code).to.equal('InvalidParameter');
      expect(message).to.contain(sentence).and.to.not.contain('SECRET');
    });
  }
});
