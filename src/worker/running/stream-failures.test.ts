import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { openSilentReader } from '../../../test/support/parts-rig.ts';
import { bodyOf, PartsRunnerRig, Store, withoutThird } from '../../../test/support/parts-runner-rig.ts';
import { Signal } from '../../../test/support/queue-rig.ts';
import { DiscardError, ParkError } from '../../errors/control-errors.ts';

describe('a stream whose parts are lost', () => {
  const dataLoss = {
    kind: 'failed',
    verdict: {
      kind: 'hold',
      reason: 'data-loss',
      error: { code: 'PARTS_LOST', upload: 'a', partition: 0, from: 0, to: 3, part: 2 },
    },
  };

  it('fails before its end, so that nothing is stored as complete', async () => {
    const store = new Store();
    const rig = PartsRunnerRig.streaming((body) => pipeline(body, store));
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
    expect([store.isFinished, store.destroyed]).toEqual([false, true]);
  });

  it.each<[string, () => void]>([
    ['swallows it', () => {}],
    [
      'asks for a discard',
      () => {
        throw new DiscardError('no');
      },
    ],
    [
      'asks to be parked',
      () => {
        throw new ParkError('no');
      },
    ],
    [
      'throws something else',
      () => {
        throw new Error('else');
      },
    ],
  ])('holds the key also when the handler %s', async (_what, react) => {
    const rig = PartsRunnerRig.streaming(async (body) => {
      await pipeline(body, new Store()).catch(react);
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });

  it('holds the key also when its handler wanted a list', async () => {
    const rig = PartsRunnerRig.streaming((body) => body.bytes({ maxBytes: 9_999 }).catch(() => {}));
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });

  it('does not end the process when nobody listens for its error', async () => {
    const rig = PartsRunnerRig.streaming(
      (body) =>
        new Promise<void>((resolve) => {
          body.on('data', () => {}).once('close', () => resolve());
        }),
    );
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });
});

describe('a stream that cannot be read now', () => {
  const swallowed = (): void => {};
  const passedOn = (error: unknown): never => {
    throw new Error('what the handler makes of it', { cause: error });
  };

  it.each([swallowed, passedOn])(
    'is no attempt at its task, whatever its handler makes of it: %o',
    async (then) => {
      const rig = PartsRunnerRig.streaming((body) => pipeline(body, new Store()).catch(then));
      rig.openReader = openSilentReader;
      const end = rig.run(bodyOf(await rig.upload('a', 3_500)));
      await rig.clock.advance(32_000);
      expect(await end).toMatchObject({
        verdict: { kind: 'retry', delayMs: 1_000, countAttempt: false, error: { code: 'TOPIC_UNREADABLE' } },
      });
    },
  );

  it('is no attempt either when there is no reader to be had', async () => {
    const rig = PartsRunnerRig.streaming((body) => pipeline(body, new Store()));
    const cause = new Error('no broker answers');
    rig.openReader = () => Promise.reject(cause);
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500)))).toMatchObject({
      verdict: { kind: 'retry', countAttempt: false, error: { code: 'TOPIC_UNREADABLE', cause } },
    });
  });

  it('leaves what its handler decides as it is', async () => {
    const rig = PartsRunnerRig.streaming((body) =>
      pipeline(body, new Store()).catch(() => {
        throw new DiscardError('no use');
      }),
    );
    rig.openReader = openSilentReader;
    const end = rig.run(bodyOf(await rig.upload('a', 3_500)));
    await rig.clock.advance(32_000);
    expect(await end).toMatchObject({ verdict: { kind: 'discard' } });
  });

  it('fails a task that has it read before as little', async () => {
    const rig = new PartsRunnerRig(() => {});
    rig.openReader = openSilentReader;
    const end = rig.run(bodyOf(await rig.upload('a', 3_500)), { type: 'bytes' });
    await rig.clock.advance(32_000);
    expect(await end).toMatchObject({ verdict: { kind: 'retry', countAttempt: false } });
  });

  it.each(['timeout', 'partition-lost'] as const)(
    'because of %s is destroyed, and its task not finished',
    async (reason) => {
      const begun = new Signal();
      const errors: unknown[] = [];
      const rig = PartsRunnerRig.streaming(async (body) => {
        try {
          for await (const _chunk of body) {
            begun.resolve();
            await once(body, 'close');
          }
        } catch (error) {
          errors.push(error);
        }
      });
      const end = rig.run(bodyOf(await rig.upload('a', 30_000)));
      await begun.promise;
      rig.abort(reason);
      expect(await end).toMatchObject({ verdict: { kind: 'retry', error: { reason } } });
      expect(errors).toMatchObject([{ reason }]);
    },
  );

  it('although all of it was read is no failure when the time is up afterwards', async () => {
    const read = new Signal();
    const rig = PartsRunnerRig.streaming(async (body, { signal }) => {
      await pipeline(body, new Store());
      read.resolve();
      if (!signal.aborted) await once(signal, 'abort');
    });
    const end = rig.run(bodyOf(await rig.upload('a', 30_000)));
    await read.promise;
    rig.abort('timeout');
    expect(await end).toEqual({ kind: 'finished' });
  });
});
