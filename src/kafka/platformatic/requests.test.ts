import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import { BrokerConnections } from './broker-connections.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { loadLibrary } from './library.ts';
import { Requests } from './requests.ts';

const library = await loadLibrary();

function setUp(connectTimeoutMs = 10_000): { clock: ManualClock; requests: Requests } {
  const clock = new ManualClock();
  const connections = new BrokerConnections(library, { clientId: 't', bootstrap: [] }, {});
  const attempt = { library, connections, epochs: new LeaderEpochs() };
  return { clock, requests: new Requests(attempt, clock, connectTimeoutMs) };
}

function unreachable(): Error {
  return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
}

/** Fails with each of these in turn, then answers. */
function failing(...errors: readonly Error[]): { body: () => Promise<string>; readonly calls: number } {
  let calls = 0;
  return {
    body: () => {
      const error = errors[calls];
      calls += 1;
      return error === undefined ? Promise.resolve('answer') : Promise.reject(error);
    },
    get calls() {
      return calls;
    },
  };
}

describe('Requests', () => {
  it('repeats what can pass, waiting a little longer each time', async () => {
    const { clock, requests } = setUp();
    const { body } = failing(new BrokerRefusal(41, 'moved'), unreachable(), new BrokerRefusal(5, 'electing'));
    const startMs = clock.monotonicMs();
    const answer = requests.run('Ask', body);
    await clock.advance(50 + 100 + 200);
    expect(await answer).toBe('answer');
    expect(clock.monotonicMs() - startMs).toBe(350);
    expect(clock.pendingCount).toBe(0);
  });

  it('gives up at once on what cannot pass', async () => {
    const { requests } = setUp();
    const task = failing(new BrokerRefusal(29, 'no'));
    await expect(requests.run('Describe x', task.body)).rejects.toMatchObject({
      code: 'KAFKA_AUTHORIZATION_FAILED',
      message: 'Describe x: no (Kafka error 29)',
      failure: { kind: 'authorization', code: 29 },
    });
    expect(task.calls).toBe(1);
  });

  it('calls brokers unreachable after the connect timeout', async () => {
    const { clock, requests } = setUp(3_000);
    const startMs = clock.monotonicMs();
    let settledMs: number | undefined;
    const failed = requests
      .run('Ask', () => Promise.reject(unreachable()))
      .catch((error: unknown) => {
        settledMs = clock.monotonicMs() - startMs;
        return error;
      });
    await clock.advance(90_000);
    expect(await failed).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    expect(settledMs).toBe(3_000);
  });

  it('sits out an election for a minute, however short the connect timeout', async () => {
    const { clock, requests } = setUp(3_000);
    const startMs = clock.monotonicMs();
    let settledMs: number | undefined;
    const failed = requests
      .run('Ask', () => Promise.reject(new BrokerRefusal(5, 'electing')))
      .catch((error: unknown) => {
        settledMs = clock.monotonicMs() - startMs;
        return error;
      });
    await clock.advance(90_000);
    expect(await failed).toMatchObject({ code: 'KAFKA_REQUEST_FAILED', failure: { kind: 'transient' } });
    expect(settledMs).toBe(60_000);
  });

  it('never waits for ever for an answer', async () => {
    const { clock, requests } = setUp();
    const failed = requests.run('Ask', () => new Promise(() => undefined)).catch((error: unknown) => error);
    await clock.advance(90_000);
    expect(await failed).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
  });

  it('tells why the attempt before failed when the last one is cut off', async () => {
    const { clock, requests } = setUp();
    let calls = 0;
    const body = (): Promise<never> => {
      calls += 1;
      return calls === 1 ? Promise.reject(unreachable()) : new Promise(() => undefined);
    };
    const failed = requests.run('Ask', body, 2_000).catch((error: unknown) => error);
    await clock.advance(2_000);
    expect(await failed).toMatchObject({ failure: { kind: 'unreachable', message: 'connect ECONNREFUSED' } });
  });

  it('stops repeating when it is closed, and refuses to run after', async () => {
    const { clock, requests } = setUp();
    const failed = requests
      .run('Ask', () => Promise.reject(new BrokerRefusal(5, 'electing')))
      .catch((error: unknown) => error);
    await clock.advance(1_000);
    requests.close();
    expect(await failed).toMatchObject({ failure: { kind: 'closed' } });
    await expect(requests.run('Ask', () => Promise.resolve(1))).rejects.toMatchObject({
      failure: { kind: 'closed' },
    });
    expect(clock.pendingCount).toBe(0);
  });
});
