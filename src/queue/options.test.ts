import { describe, expect, it } from 'vitest';
import { QueueRig, tasks } from '../../test/support/queue-rig.ts';
import { invert } from '../../test/support/test-codecs.ts';
import { OptionsError } from '../errors/options-error.ts';
import { fileStore } from '../store/file-store.ts';
import { connectKafka } from './connect-kafka.ts';
import { type ResolvedKafkaOptions, resolveKafkaOptions } from './kafka-options.ts';
import { resolveQueueOptions } from './queue-options.ts';
import { TaskQueue } from './task-queue.ts';

function refused(attempt: () => unknown): OptionsError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof OptionsError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

function paths(attempt: () => unknown): string[] {
  return refused(attempt).problems.map(({ path }) => path);
}

describe('connectKafka', () => {
  it('does no I/O and fills in the defaults', () => {
    connectKafka({ brokers: ['127.0.0.1:1'] });
    expect(resolveKafkaOptions({ brokers: ['h:9092', '[::1]:9092'] })).toMatchObject({
      clientId: 'keylane',
      budgetBytes: 64 * 1024 * 1024,
      connectTimeoutMs: 30_000,
    } satisfies Partial<ResolvedKafkaOptions>);
  });

  it.each<[string, unknown, string[]]>([
    ['nothing', undefined, ['(options)']],
    ['neither brokers nor embedded', {}, ['brokers']],
    ['both', { brokers: ['h:1'], embedded: true }, ['brokers']],
    ['no brokers', { brokers: [] }, ['brokers']],
    ['brokers in one string', { brokers: 'h:1,h:2' }, ['brokers']],
    ['a broker without a port', { brokers: ['h:1', 'h'] }, ['brokers.1']],
    ['a broker as a URL', { brokers: ['kafka://h:1'] }, ['brokers.0']],
    [
      'several mistakes',
      { brokers: ['h:1'], budgetBytes: 5, connectTimeoutMs: 'x' },
      ['budgetBytes', 'connectTimeoutMs'],
    ],
    ['a missing address among other mistakes', { clientId: 5 }, ['clientId', 'brokers']],
    ['a mistyped name', { broker: ['h:1'] }, ['broker', 'brokers']],
    ['half a login', { brokers: ['h:1'], sasl: { mechanism: 'PLAIN', username: 'me' } }, ['sasl']],
    ['an unknown mechanism', { brokers: ['h:1'], sasl: { mechanism: 'GSSAPI' } }, ['sasl']],
  ])('refuses %s', (_what, given, expected) => {
    expect(paths(() => connectKafka(given as never))).toEqual(expected);
  });

  it('suggests what was meant', () => {
    expect(refused(() => connectKafka({ broker: ['h:1'] } as never)).message).toContain(
      "Did you mean 'brokers'?",
    );
  });

  it.each([
    { password: 'hunter2' },
    { sasl: { mechanism: 'PLAIN', username: 'me', pasword: 'hunter2' } },
    { sasl: { mechanism: 'PLIAN', username: 'me', password: 'hunter2' } },
    { sasl: 'me:hunter2' },
    { tls: { kye: 'hunter2', passphrase: 5 } },
    { tls: { key: ['hunter2'] } },
    { brokers: ['me:hunter2@h:9092'] },
  ])('never prints a secret: %j', (given) => {
    const error = refused(() => connectKafka({ brokers: ['h:1'], ...given } as never));
    expect(JSON.stringify([error.message, error.problems])).not.toContain('hunter2');
  });
});

describe('new TaskQueue', () => {
  it('does no I/O, so that it can be made anywhere', async () => {
    await using rig = new QueueRig();
    expect(rig.cluster.topics.size).toBe(0);
  });

  it('lists everything that is wrong', async () => {
    await using rig = new QueueRig();
    const given = {
      name: 'no blanks',
      tasks: {},
      kafka: { brokers: ['h:1'] },
      topic: { partitions: 0, onMisssing: 'create' },
      middelware: [],
    };
    expect(paths(() => new TaskQueue(given as never)).sort()).toEqual(
      ['kafka', 'middelware', 'name', 'tasks', 'topic.onMisssing', 'topic.partitions'].sort(),
    );
    expect(paths(() => new TaskQueue({ name: 'no blanks', tasks, kafka: rig.kafka }))).toEqual(['name']);
    const taken = refused(() => new TaskQueue({ name: 'mine.state', tasks, kafka: rig.kafka }));
    expect(taken.problems).toMatchObject([{ path: 'name', cure: expect.stringContaining('.state') }]);
    expect(() => new TaskQueue(undefined as never)).toThrow(OptionsError);
  });
});

describe('what a queue keeps', () => {
  it.each<[string, object, string[]]>([
    ['no groups', { groups: [] }, ['groups']],
    ['a group without a name', { groups: ['q', ''] }, ['groups.1']],
    ['a group named twice', { groups: ['q', 'q'] }, ['groups']],
    ['neither way of keeping', { retention: {} }, ['retention']],
    ['both ways of keeping', { retention: { keepFinishedMs: 5_000, timeMs: 5_000 } }, ['retention']],
    ['less than a second', { retention: { keepFinishedMs: 999 } }, ['retention.keepFinishedMs']],
    ['no time', { retention: { timeMs: 0 } }, ['retention.timeMs']],
    ['half a millisecond', { retention: { timeMs: 5_000.5 } }, ['retention.timeMs']],
    ['for ever', { retention: { timeMs: Number.POSITIVE_INFINITY } }, ['retention.timeMs']],
    ['a mistyped way', { retention: { keepFinishdMs: 5_000 } }, ['retention.keepFinishdMs', 'retention']],
    ['an upload in no time', { uploadTimeoutMs: 999 }, ['uploadTimeoutMs']],
    ['an upload for more than a day', { uploadTimeoutMs: 86_400_001 }, ['uploadTimeoutMs']],
  ])('is refused: %s', async (_what, given, expected) => {
    await using rig = new QueueRig();
    const { problems } = refused(() => new TaskQueue({ name: 'q', tasks, kafka: rig.kafka, ...given }));
    expect(problems.map(({ path }) => path)).toEqual(expected);
    for (const { rule } of problems) expect(rule).toMatch(/^(must|is) /);
  });

  it('is by default one group of its name, a day, and half an hour for an upload', async () => {
    await using rig = new QueueRig();
    const given = { name: 'q', tasks, kafka: rig.kafka };
    const defaults = {
      groups: ['q'],
      retention: { kind: 'keep-finished', keepFinishedMs: 86_400_000, uploadTimeoutMs: 1_800_000 },
    };
    expect(resolveQueueOptions(given)).toMatchObject(defaults);
    expect(
      resolveQueueOptions({ ...given, groups: undefined, retention: undefined, uploadTimeoutMs: undefined }),
    ).toMatchObject(defaults);
    expect(
      resolveQueueOptions({
        ...given,
        groups: ['a', 'b'],
        retention: { timeMs: 5_000 },
        uploadTimeoutMs: 9_000,
      }),
    ).toMatchObject({
      groups: ['a', 'b'],
      retention: { kind: 'keep-for-time', timeMs: 5_000, uploadTimeoutMs: 9_000 },
    });
  });
});

describe('codecs', () => {
  it.each<[string, object, string[]]>([
    ['a codec without a name', { codec: { ...invert, name: undefined } }, ['codec']],
    ['a name that cannot be recorded', { codec: { ...invert, name: 'AES+1' } }, ['codec']],
    ['a codec that only writes', { codec: { ...invert, decode: undefined } }, ['codec']],
    ['one codec where a list is expected', { codecs: invert }, ['codecs']],
    ['a list with something else', { codecs: [invert, 'aes'] }, ['codecs.1']],
    ['two of a name to read with', { codecs: [invert, { ...invert }] }, ['codecs']],
    ['another one of the name that is written', { codec: invert, codecs: [{ ...invert }] }, ['codecs']],
  ])('refuses %s', async (_what, given, expected) => {
    await using rig = new QueueRig();
    expect(paths(() => new TaskQueue({ name: 'q', tasks, kafka: rig.kafka, ...given }))).toEqual(expected);
  });

  it('takes the same one to write and to read with', async () => {
    await using rig = new QueueRig();
    expect(
      () => new TaskQueue({ name: 'q', tasks, kafka: rig.kafka, codec: invert, codecs: [invert] }),
    ).not.toThrow();
  });

  it('takes the same store to write and to read with, and none of another kind', async () => {
    await using rig = new QueueRig();
    const given = { name: 'q', tasks, kafka: rig.kafka };
    const store = fileStore({ directory: '/somewhere' });
    const wrong = { ...store, name: 'S3', secret: 'hunter2' } as never;
    expect(() => new TaskQueue({ ...given, payloadStore: store, payloadStores: [store] })).not.toThrow();
    expect(
      paths(() => new TaskQueue({ ...given, payloadStores: [store, fileStore({ directory: '/x' })] })),
    ).toEqual(['payloadStores']);
    const other = [fileStore({ directory: '/x' })];
    expect(paths(() => new TaskQueue({ ...given, payloadStore: store, payloadStores: other }))).toEqual([
      'payloadStores',
    ]);
    expect(paths(() => new TaskQueue({ ...given, payloadStore: wrong }))).toEqual(['payloadStore']);
    expect(refused(() => new TaskQueue({ ...given, payloadStore: wrong })).message).not.toContain('hunter2');
  });

  it('shows nothing of what a codec holds', async () => {
    await using rig = new QueueRig();
    const codec = { name: 'aes', material: 'hunter2', nested: { material: 'hunter2' } } as never;
    const { message } = refused(() => new TaskQueue({ name: 'q', tasks, kafka: rig.kafka, codec }));
    expect(message).toContain('must be { name, encode, decode }');
    expect(message).not.toContain('hunter2');
  });
});

describe('queue.worker', () => {
  it('lists everything that is wrong', async () => {
    await using rig = new QueueRig();
    const given = {
      concurency: 5,
      concurrency: 1.5,
      retry: { maxAttempts: 0 },
      rebalance: { protocol: 'eager' },
      middleware: ['x'],
    };
    const error = refused(() => rig.worker(() => {}, given as never));
    expect(error.problems.map(({ path }) => path).sort()).toEqual(
      ['concurency', 'concurrency', 'middleware.0', 'rebalance.protocol', 'retry.maxAttempts'].sort(),
    );
    expect(error.message).toContain("Did you mean 'concurrency'?");
  });

  it('names the types that have no handler', async () => {
    await using rig = new QueueRig();
    const error = refused(() => rig.queue.worker({} as never));
    expect(error.problems.map(({ path }) => path)).toEqual(['work', 'short']);
    expect(error.message).toContain('work: must have a handler; got nothing.');
  });
});
