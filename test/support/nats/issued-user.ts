import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** A user that an operator and an account vouch for, as large installations of NATS have them. */
export interface IssuedUser {
  /** Lines for the configuration of a NATS server that trusts the operator. */
  readonly configuration: string;
  /** The text of the user's credentials file. */
  readonly credentials: string;
}

const UNLIMITED = { subs: -1, data: -1, payload: -1 };

/** Issues a user, with fresh keys. */
export function issueUser(): IssuedUser {
  const operator = nkeys.createOperator();
  const account = nkeys.createAccount();
  const user = nkeys.createUser();
  const operatorToken = signed(operator, operator, { type: 'operator', version: 2 });
  const accountToken = signed(operator, account, {
    limits: { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
    type: 'account',
    version: 2,
  });
  const userToken = signed(account, user, { ...UNLIMITED, pub: {}, sub: {}, type: 'user', version: 2 });
  return {
    configuration: [
      `operator: "${operatorToken}"`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: "${accountToken}" }`,
    ].join('\n'),
    credentials: [
      '-----BEGIN NATS USER JWT-----',
      userToken,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      seedOf(user),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  };
}

/** The seed of a key, as text. */
export function seedOf(key: KeyPair): string {
  return new TextDecoder().decode(key.getSeed());
}

/** A JSON Web Token, signed by an NKey. */
function signed(issuer: KeyPair, subject: KeyPair, nats: object): string {
  const claims = {
    jti: subject.getPublicKey(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: 'test',
    nats,
  };
  const text = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims].map((part) => encoded(JSON.stringify(part))).join('.');
  return `${text}.${encoded(issuer.sign(Buffer.from(text)))}`;
}

function encoded(part: string | Uint8Array): string {
  return Buffer.from(part).toString('base64url');
}
