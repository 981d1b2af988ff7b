import { describe, expect, it } from 'vitest';
import { BrokerRefusal, classifyFailure } from './classify-failure.ts';

function coded(code: string, message: string, more: Record<string, unknown> = {}): Error {
  return Object.assign(new Error(message), { code, ...more });
}

const refused = coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1');
const wrongPassword = coded('PLT_KFK_AUTHENTICATION', 'SASL authentication failed.', {
  cause: Object.assign(new AggregateError([], 'Received response with error'), {
    code: 'PLT_KFK_RESPONSE',
    errors: [
      coded('PLT_KFK_PROTOCOL', 'SASL Authentication failed.', { apiCode: 58, serverErrorMessage: 'bad pw' }),
    ],
  }),
});
const untrusted = coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain');

describe('classifyFailure', () => {
  it.each([
    ['a refusal by ACL', new BrokerRefusal(29, 'no'), 'authorization', 29],
    ['a missing topic', new BrokerRefusal(3, 'no'), 'unknown-topic', 3],
    ['an old broker', new BrokerRefusal(35, 'no'), 'unsupported', 35],
    ['an election', new BrokerRefusal(6, 'no'), 'transient', 6],
    ['a new offsets topic', new BrokerRefusal(15, 'no'), 'transient', 15],
    ['a policy', new BrokerRefusal(44, 'no'), 'other', 44],
    ['a code newer than this table', new BrokerRefusal(999, 'no'), 'other', 999],
    ['a refused connection', refused, 'unreachable', undefined],
    ['no such host', coded('ENOTFOUND', 'getaddrinfo ENOTFOUND x'), 'unreachable', undefined],
    [
      'a plain-text port',
      coded('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number'),
      'unreachable',
      undefined,
    ],
    ['a stream out of step', coded('PLT_KFK_UNEXPECTED_CORRELATION_ID', 'x'), 'unreachable', undefined],
    ['an untrusted broker', untrusted, 'authentication', undefined],
    ['another host name', coded('ERR_TLS_CERT_ALTNAME_INVALID', 'x'), 'authentication', undefined],
    [
      'a missing client certificate',
      coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'x'),
      'authentication',
      undefined,
    ],
    ['an API that the broker lacks', coded('PLT_KFK_UNSUPPORTED_API', 'x'), 'unsupported', undefined],
    ['a bug', new TypeError('x is not a function'), 'other', undefined],
    ['no error at all', 'oops', 'other', undefined],
  ] as const)('recognises %s', (_name, error, kind, code) => {
    expect(classifyFailure(error)).toMatchObject({ kind, code });
  });

  it('finds what happened under the errors that wrap it, and quotes the broker', () => {
    const wrapped = coded('PLT_KFK_NETWORK', 'Connection to b:9092 failed.', { cause: wrongPassword });
    expect(classifyFailure(new AggregateError([wrapped], 'all failed'))).toEqual({
      kind: 'authentication',
      code: 58,
      message: 'bad pw',
    });
  });

  it('tells of the refused password when other brokers are merely down', () => {
    expect(classifyFailure(new AggregateError([refused, wrongPassword])).kind).toBe('authentication');
  });

  it('quotes the innermost reason of an unreachable broker', () => {
    const wrapped = coded('PLT_KFK_NETWORK', 'Connection to b:9092 failed.', { cause: refused });
    expect(classifyFailure(wrapped).message).toBe('connect ECONNREFUSED 127.0.0.1:1');
  });

  it('says what a closed connection may mean', () => {
    expect(classifyFailure(coded('PLT_KFK_NETWORK', 'Connection closed')).message).toContain('TLS, or SASL');
  });

  it('takes the reason from the connection when the request only knows that it was closed', () => {
    const closed = coded('PLT_KFK_NETWORK', 'Connection closed');
    const seen = coded('PLT_KFK_NETWORK', 'Connection error', {
      cause: coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'certificate required'),
    });
    expect(classifyFailure(closed, [seen])).toMatchObject({
      kind: 'authentication',
      message: 'certificate required',
    });
  });

  it('survives errors that are their own cause', () => {
    const circular = coded('ECONNRESET', 'reset');
    Object.assign(circular, { cause: circular });
    expect(classifyFailure(circular)).toMatchObject({ kind: 'unreachable', message: 'reset' });
  });
});
