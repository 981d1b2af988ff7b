import { isIP } from 'node:net';
import { createSecureContext, type ConnectionOptions as NodeTlsOptions } from 'node:tls';
import type { ConnectionOptions } from '@platformatic/kafka';
import type { Clock } from '../../clock/clock.ts';
import { KafkaRequestError } from '../request-error.ts';
import type { ClusterAddress, SaslOptions, TlsOptions } from '../security.ts';
import { TokenCache } from './token-cache.ts';

/** Longest wait for one answer. A broker that is alive answers control requests in milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, also `[::1]:9092`; without a port Kafka's usual 9092. */
export function parseBroker(text: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)|([0-9a-f:]+))(?::(\d+))?$/i.exec(text.trim());
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  if (host === undefined) {
    const message = `'${text}' is not host:port`;
    throw new KafkaRequestError('Cannot connect to Kafka', { kind: 'unreachable', code: undefined, message });
  }
  return { host, port: Number(match?.[4] ?? 9092) };
}

/** One cluster address in the words of the control-plane client. */
export function connectionOptions(address: ClusterAddress, clock: Clock): ConnectionOptions {
  const options: ConnectionOptions = {
    connectTimeout: address.connectTimeoutMs,
    requestTimeout: REQUEST_TIMEOUT_MS,
  };
  if (address.tls !== undefined) {
    options.tls = tlsOptions(address.tls);
    // Hosted clusters route by the name in the TLS greeting (SNI), which Node sends only when told; IP addresses are
    // not allowed there.
    options.tlsServerName = address.brokers.every((broker) => isIP(parseBroker(broker).host) === 0);
  }
  if (address.sasl !== undefined) options.sasl = saslOptions(address.sasl, clock);
  return options;
}

function tlsOptions(tls: TlsOptions): NodeTlsOptions {
  const material: NodeTlsOptions = {};
  if (tls.ca !== undefined) material.ca = isList(tls.ca) ? [...tls.ca] : tls.ca;
  if (tls.cert !== undefined) material.cert = tls.cert;
  if (tls.key !== undefined) material.key = tls.key;
  if (tls.passphrase !== undefined) material.passphrase = tls.passphrase;
  try {
    return {
      secureContext: createSecureContext(material),
      rejectUnauthorized: tls.rejectUnauthorized ?? true,
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `the tls option's certificates or key cannot be read (PEM texts are expected): ${why}`;
    throw new KafkaRequestError(
      'Cannot connect to Kafka',
      { kind: 'authentication', code: undefined, message },
      error,
    );
  }
}

function isList(ca: NonNullable<TlsOptions['ca']>): ca is readonly (string | Buffer)[] {
  return Array.isArray(ca);
}

function saslOptions(sasl: SaslOptions, clock: Clock): NonNullable<ConnectionOptions['sasl']> {
  if (sasl.mechanism !== 'OAUTHBEARER') {
    return { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password };
  }
  const tokens = new TokenCache(sasl.token, clock);
  return {
    mechanism: 'OAUTHBEARER',
    token: async () => (await tokens.current()).value,
    // Asked right after the token, so that both come from the same one.
    oauthBearerExtensions: async () => ({ ...(await tokens.current()).extensions }),
  };
}
