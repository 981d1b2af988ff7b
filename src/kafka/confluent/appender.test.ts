import { expect, test } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { AppendResult, OutgoingRecord } from '../port.ts';
import { ConfluentAppender, type LiveProducer } from './appender.ts';
import { ClientEvents } from './connection.ts';
import type { DeliveryListener, NativeError, NativeProducer } from './native.ts';

const nativeError = (code: number): NativeError => Object.assign(new Error(`error ${code}`), { code });
const record = (text: string): OutgoingRecord => ({ key: null, value: Buffer.from(text), headers: [] });
const batch = (partition: number, ...texts: string[]) => ({
  topic: 'q',
  partition,
  records: texts.map(record),
});
const kinds = ({ outcomes }: AppendResult) => outcomes.map(({ kind }) => kind);

/** A producer that takes records up to a limit and reports what it is told to. */
class FakeProducer {
  readonly taken: { readonly text: string; readonly opaque: unknown }[] = [];
  room = Number.POSITIVE_INFINITY;
  refusal: number | undefined;
  disconnected = false;
  #offset = 0;
  readonly #report: DeliveryListener;

  constructor(report: DeliveryListener) {
    this.#report = report;
  }

  get live(): LiveProducer {
    const client = {
      on: () => {},
      produce: (
        _topic: string,
        _partition: number,
        value: Buffer,
        _key: null,
        _time: undefined,
        opaque: unknown,
      ) => {
        if (this.refusal !== undefined) throw nativeError(this.refusal);
        if (this.taken.length >= this.room) throw nativeError(-184);
        this.taken.push({ text: value.toString(), opaque });
      },
    } as unknown as NativeProducer;
    const disconnect = () => {
      this.disconnected = true;
      return Promise.resolve();
    };
    return { client, events: new ClientEvents(client), disconnect };
  }

  get texts(): string[] {
    return this.taken.map(({ text }) => text);
  }

  /** Reports the oldest record: acked with an offset, without one, or failed. */
  report(what: 'acked' | 'no offset' | number = 'acked'): void {
    const next = this.taken.shift();
    if (next === undefined) throw new Error('nothing to report');
    const error = typeof what === 'number' ? nativeError(what) : null;
    const offset = what === 'acked' ? this.#offset++ : -1001;
    this.#report(error, { topic: 'q', partition: 0, offset, timestamp: 7, opaque: next.opaque });
  }
}

async function appenderOf(clock = new ManualClock()) {
  const producers: FakeProducer[] = [];
  const appender = await ConfluentAppender.connect((onDelivery) => {
    const producer = new FakeProducer(onDelivery);
    producers.push(producer);
    return Promise.resolve(producer.live);
  }, clock);
  const producer = (index: number): FakeProducer => {
    const found = producers[index];
    if (found === undefined) throw new Error(`no producer ${index}`);
    return found;
  };
  return { appender, clock, producers, producer };
}

test('records are handed over in the order of the calls, and each gets its own outcome', async () => {
  const { appender, producer } = await appenderOf();
  const first = appender.append(batch(0, 'a', 'b'));
  const second = appender.append(batch(0, 'c'));
  expect(producer(0).texts).toEqual(['a', 'b', 'c']);
  producer(0).report();
  producer(0).report('no offset');
  producer(0).report();
  expect(await first).toEqual({
    incarnation: 1,
    outcomes: [
      { kind: 'appended', offset: 0, timestampMs: 7 },
      { kind: 'unknown', failure: expect.objectContaining({ kind: 'other' }) },
    ],
  });
  expect(kinds(await second)).toEqual(['appended']);
});

test('a full queue makes everything wait its turn and nothing overtake', async () => {
  const { appender, producer } = await appenderOf();
  producer(0).room = 2;
  const results = Promise.all([appender.append(batch(0, 'a', 'b', 'c')), appender.append(batch(1, 'd'))]);
  expect(producer(0).texts).toEqual(['a', 'b']);
  producer(0).report();
  expect(producer(0).texts).toEqual(['b', 'c']);
  producer(0).report();
  expect(producer(0).texts).toEqual(['c', 'd']);
  producer(0).report();
  producer(0).report();
  expect((await results).map(kinds)).toEqual([['appended', 'appended', 'appended'], ['appended']]);
});

test('a record that does not even fit an empty queue is absent', async () => {
  const { appender, producer } = await appenderOf();
  producer(0).room = 0;
  expect(kinds(await appender.append(batch(0, 'a')))).toEqual(['absent']);
});

test('a record the client refuses is absent, and those behind it go on', async () => {
  const { appender, producer } = await appenderOf();
  producer(0).refusal = 10;
  const refused = appender.append(batch(0, 'a'));
  producer(0).refusal = undefined;
  const taken = appender.append(batch(0, 'b'));
  producer(0).report();
  const [outcome] = (await refused).outcomes;
  expect(outcome).toMatchObject({ kind: 'absent', failure: { kind: 'too-large' } });
  expect(kinds(await taken)).toEqual(['appended']);
});

test('a record with a header that is no Buffer never reaches the client', async () => {
  const { appender, producer } = await appenderOf();
  // What an untyped caller may pass.
  const headers = [['h', 'text']] as unknown as OutgoingRecord['headers'];
  const result = await appender.append({ topic: 'q', partition: 0, records: [{ ...record('a'), headers }] });
  expect(kinds(result)).toEqual(['absent']);
  expect(producer(0).taken).toEqual([]);
});

test('an empty batch resolves at once', async () => {
  const { appender } = await appenderOf();
  expect(await appender.append(batch(0))).toEqual({ incarnation: 1, outcomes: [] });
});

test('after a fatal error a new producer takes over under a new incarnation', async () => {
  const { appender, clock, producer, producers } = await appenderOf();
  producer(0).room = 2;
  const open = appender.append(batch(0, 'a', 'b', 'c'));
  const waiting = appender.append(batch(0, 'd'));
  producer(0).report(45);
  expect(appender.incarnation).toBe(2);
  // Built for a warm partition, which it no longer is; surely not in the log.
  expect(kinds(await waiting)).toEqual(['absent']);
  const next = appender.append(batch(0, 'e'));
  expect(producers).toHaveLength(1);
  // The dying producer may still report: b was appended.
  producer(0).report();
  await clock.advance(20);
  expect(await open).toMatchObject({ incarnation: 1 });
  expect(kinds(await open)).toEqual(['unknown', 'appended', 'absent']);
  expect(producer(0).disconnected).toBe(true);
  expect(producer(1).texts).toEqual(['e']);
  producer(1).report();
  expect(await next).toEqual({
    incarnation: 2,
    outcomes: [{ kind: 'appended', offset: 0, timestampMs: 7 }],
  });
});

test('what a dying producer does not report is unknown, with the reason', async () => {
  const { appender, clock, producer } = await appenderOf();
  const open = appender.append(batch(0, 'a'));
  producer(0).refusal = -150;
  const refused = appender.append(batch(0, 'b'));
  expect(kinds(await refused)).toEqual(['absent']);
  await clock.advance(2_000);
  expect((await open).outcomes[0]).toMatchObject({ kind: 'unknown', failure: { kind: 'producer-fatal' } });
});

test('a rebuild goes on until the brokers are back', async () => {
  const clock = new ManualClock();
  let attempts = 0;
  let latest: FakeProducer | undefined;
  const appender = await ConfluentAppender.connect((onDelivery) => {
    attempts += 1;
    if (attempts === 2 || attempts === 3) return Promise.reject(new Error('unreachable'));
    latest = new FakeProducer(onDelivery);
    return Promise.resolve(latest.live);
  }, clock);
  const lost = appender.append(batch(0, 'a'));
  latest?.report(-150);
  await lost;
  const next = appender.append(batch(0, 'b'));
  await clock.advance(1_000);
  latest?.report();
  expect(kinds(await next)).toEqual(['appended']);
  expect(attempts).toBe(4);
});

test('closing waits for reports, then gives up what is open', async () => {
  const { appender, clock, producer } = await appenderOf();
  producer(0).room = 2;
  const open = appender.append(batch(0, 'a', 'b', 'c'));
  const closing = appender.close({ timeoutMs: 1_000 });
  expect(kinds(await appender.append(batch(0, 'd')))).toEqual(['absent']);
  producer(0).room = 1;
  producer(0).report();
  await clock.advance(1_000);
  await closing;
  expect(kinds(await open)).toEqual(['appended', 'unknown', 'absent']);
  expect(producer(0).disconnected).toBe(true);
  expect(appender.close({ timeoutMs: 1_000 })).toBe(closing);
});

test('closing an idle appender does not wait', async () => {
  const { appender, producer } = await appenderOf();
  const done = appender.append(batch(0, 'a'));
  const closing = appender.close({ timeoutMs: 60_000 });
  producer(0).report();
  await closing;
  expect(kinds(await done)).toEqual(['appended']);
});
