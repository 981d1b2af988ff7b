import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { ClientEvents, connectClient } from './connection.ts';
import type { NativeClient } from './native.ts';

/** A client that logs a line, and whose connect then ends without brokers. */
function clientThatLogs(message: string): NativeClient {
  const emitter = new EventEmitter();
  const transportFailure = Object.assign(new Error('Local: Broker transport failure'), { code: -195 });
  return Object.assign(emitter, {
    connect: (_request: unknown, done: (error: unknown) => void) => {
      emitter.emit('event.log', { severity: 3, fac: 'FAIL', message: `[thrd:main]: ${message}` });
      done(transportFailure);
    },
  }) as unknown as NativeClient; // no more of it is called
}

it('a connect that fails tells the last reason that the client logged, and the likely cause', async () => {
  const logged =
    'ssl://b1:9093/1: Disconnected: SSL connection closed by peer (after 3ms in state SSL_HANDSHAKE)';
  const client = clientThatLogs(logged);
  const live = { client, events: new ClientEvents(client), disconnect: () => Promise.resolve() };
  await expect(connectClient(live, 'producer', 1_000)).rejects.toMatchObject({
    code: 'KAFKA_UNREACHABLE',
    message: expect.stringContaining(`(${logged}: connecting to a PLAINTEXT listener?)`),
  });
});

it('a connect is given up as soon as the client logs that it was refused', async () => {
  const client = clientThatLogs('sasl_ssl://b1:9093/1: SASL authentication error: Authentication failed');
  const live = { client, events: new ClientEvents(client), disconnect: () => Promise.resolve() };
  await expect(connectClient(live, 'producer', 1_000)).rejects.toMatchObject({
    code: 'KAFKA_AUTHENTICATION_FAILED',
    message: expect.stringContaining('Authentication failed'),
  });
});
