import { PEER_LIMITS_BYTES, type Result, SecretVerifier, unwrap } from '@entropynet/core';
import {
  decodeAnswer,
  decodeWelcome,
  encodeWelcome,
  type Welcome,
} from '@entropynet/transport-nats/internal/handshake-messages';
import { type SessionKeys, sessionKeysOf } from '@entropynet/transport-nats/internal/message-seal';
import { SecretAttempts } from '@entropynet/transport-nats/internal/secret-attempts';
import { expect } from 'chai';

const SECRET = 'the secret of both sides';
const SERVICE = 'entropynet.canvas';
const ID = new Uint8Array(16).fill(7);
const HELLO = new Uint8Array(40).fill(1);
const MOST = 32;

/** A message that the client published. */
interface Published {
  readonly subject: string;
  readonly answer: Uint8Array;
}

/** A subject of one server of the service. */
function serverSubject(index: number): string {
  return `${SERVICE}.${index.toString(16).padStart(32, '0')}`;
}

/** One handshake: the client's attempts, and a server for each challenge. */
class Handshake {
  readonly attempts = new SecretAttempts(SECRET, SERVICE, ID);
  readonly published: Published[] = [];
  readonly publish = (subject: string, answer: Uint8Array): void => {
    this.published.push({ subject, answer });
  };

  /** Lets a server with `secret` challenge the client. */
  challenge(secret: string, subject: string): SecretVerifier {
    const verifier = new SecretVerifier(secret);
    this.attempts.answer({ challenge: verifier.challenge, subject }, HELLO, this.publish);
    return verifier;
  }

  /** The welcome of a server after the client's answer to its challenge. */
  welcome(verifier: SecretVerifier, { answer }: Published): { checked: Result<Uint8Array>; message: Uint8Array } {
    const decoded = decodeAnswer(answer);
    if (decoded === undefined) throw new Error('the client published no answer');
    const checked = verifier.check(decoded.answer);
    // A server with another secret invents its proof.
    const proof = checked.ok ? checked.value : new Uint8Array(32);
    const { fromServer } = sessionKeysOf(verifier);
    const welcome: Welcome = {
      greeting: new Uint8Array(PEER_LIMITS_BYTES),
      credits: [1, 2],
      base: 'entropynet.canvas.a',
      proof,
    };
    return { checked, message: encodeWelcome(welcome, fromServer) };
  }

  check(message: Uint8Array): SessionKeys | Error {
    const welcome = decodeWelcome(message, true);
    if (welcome === undefined) throw new Error('this is no welcome');
    return this.attempts.check(welcome, message);
  }
}

describe("a client's answers to challenges", () => {
  it('prove the secret, and the welcome of the server that was answered gives both sides the same keys', () => {
    const handshake = new Handshake();
    const verifier = handshake.challenge(SECRET, serverSubject(1));
    expect(handshake.published).to.have.length(1);
    const [answer] = handshake.published as [Published];
    expect(answer.subject).to.equal(serverSubject(1));
    const { checked, message } = handshake.welcome(verifier, answer);
    unwrap(checked);
    expect(handshake.check(message)).to.deep.equal(sessionKeysOf(verifier));
  });

  it('go only to a subject directly below the service', () => {
    const handshake = new Handshake();
    const wrong = ['entropynet.other', SERVICE, `${SERVICE}.`, `${SERVICE}.short`, `${serverSubject(1)}.more`];
    for (const subject of [...wrong, `${SERVICE}x.${'0'.repeat(32)}`, `${SERVICE}.${'Z'.repeat(32)}`]) {
      handshake.challenge(SECRET, subject);
    }
    expect(handshake.published).to.deep.equal([]);
    expect(handshake.attempts.size).to.equal(0);
  });

  it('are the same for the same challenge, and are published again by repeat()', () => {
    const handshake = new Handshake();
    const { challenge } = new SecretVerifier(SECRET);
    for (let count = 0; count < 2; count += 1) {
      handshake.attempts.answer({ challenge, subject: serverSubject(1) }, HELLO, handshake.publish);
    }
    handshake.attempts.repeat(handshake.publish);
    const [first, ...others] = handshake.published;
    expect(others).to.deep.equal([first, first]);
    expect(handshake.attempts.size).to.equal(1);
  });

  it('ignore a challenge of another length', () => {
    const handshake = new Handshake();
    const subject = serverSubject(1);
    for (const length of [0, 31, 33]) {
      handshake.attempts.answer({ challenge: new Uint8Array(length), subject }, HELLO, handshake.publish);
    }
    expect(handshake.published).to.deep.equal([]);
  });

  it("find the server's welcome among the challenges of strangers without the secret", () => {
    const handshake = new Handshake();
    const strangers = [1, 2, 3].map((index) => handshake.challenge('a guess', serverSubject(index)));
    const verifier = handshake.challenge(SECRET, serverSubject(4));
    const [stranger] = strangers as [SecretVerifier];
    const forged = handshake.welcome(stranger, handshake.published[0] as Published);
    expect(forged.checked.ok).to.equal(false);
    expect(handshake.check(forged.message)).to.include({ code: 'HandshakeFailed' });
    const { message } = handshake.welcome(verifier, handshake.published[3] as Published);
    expect(handshake.check(message)).to.deep.equal(sessionKeysOf(verifier));
  });

  it("refuse the server's welcome if somebody changed one byte of it", () => {
    const handshake = new Handshake();
    const verifier = handshake.challenge(SECRET, serverSubject(1));
    const { message } = handshake.welcome(verifier, handshake.published[0] as Published);
    const changed = new Uint8Array(message);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 2;
    const refused = handshake.check(changed);
    expect(refused).to.include({ code: 'HandshakeFailed' });
    expect((refused as Error).message).to.contain('changed the server');
  });

  it('refuse a welcome that comes before any challenge', () => {
    const server = new Handshake();
    const verifier = server.challenge(SECRET, serverSubject(1));
    const { message } = server.welcome(verifier, server.published[0] as Published);
    const refused = new Handshake().check(message);
    expect(refused).to.include({ code: 'HandshakeFailed' });
    expect((refused as Error).message).to.contain('before its challenge');
  });

  it(`remember ${MOST} challenges, and forget the oldest ones of a flood until the server repeats its own`, () => {
    const handshake = new Handshake();
    const verifier = handshake.challenge(SECRET, serverSubject(0));
    for (let index = 1; index <= MOST; index += 1) handshake.challenge('a guess', serverSubject(index));
    expect(handshake.attempts.size).to.equal(MOST);
    const own = handshake.published[0] as Published;
    expect(handshake.check(handshake.welcome(verifier, own).message)).to.include({ code: 'HandshakeFailed' });
    const again = { challenge: verifier.challenge, subject: serverSubject(0) };
    handshake.attempts.answer(again, HELLO, handshake.publish);
    const { message } = handshake.welcome(verifier, handshake.published.at(-1) as Published);
    expect(handshake.check(message)).to.deep.equal(sessionKeysOf(verifier));
    expect(handshake.attempts.size).to.equal(MOST);
  });
});
