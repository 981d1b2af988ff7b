import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import type { Lane } from './lane.ts';
import { LiveKeys } from './live-keys.ts';

/** A handler of key k, of a worker beside this one, is alive; a task of k waits for its end here. */
function blocked(): { readonly rig: CoreRig; readonly lane: Lane } {
  const liveKeys = new LiveKeys();
  liveKeys.add('q\nk');
  const rig = new CoreRig({}, { liveKeys });
  rig.records(rig.take(0), itemsOf(0, ['k', 'other']));
  const lane = rig.of('await-key')[0]?.lane;
  if (lane === undefined) throw new Error('nothing waits for the key');
  expect(rig.runningKeys).toEqual(['other']);
  return { rig, lane };
}

describe('a key that another worker of the process has', () => {
  it('goes on here when it is free', () => {
    const { rig, lane } = blocked();
    rig.liveKeys.delete('q\nk');
    rig.tell((core, at) => core.keyFreed(at, rig.partition(0), lane));
    expect(rig.runningKeys).toEqual(['other', 'k']);
  });

  it('is waited for again when it has been taken meanwhile', () => {
    const { rig, lane } = blocked();
    const partition = rig.partition(0);
    const effects = rig.tell((core, at) => core.keyFreed(at, partition, lane));
    expect(effects).toEqual([{ kind: 'await-key', partition, lane }]);
  });

  it('is free once: told again, its task that runs does not start beside itself', () => {
    const { rig, lane } = blocked();
    const partition = rig.partition(0);
    rig.liveKeys.delete('q\nk');
    rig.tell((core, at) => core.keyFreed(at, partition, lane));
    const effects = rig.tell((core, at) => core.keyFreed(at, partition, lane));
    expect(effects).toEqual([]);
    expect(lane.state).toBe('running');
  });

  it.each(['revoked', 'lost'] as const)('is not waited for when the partition was %s', (how) => {
    const { rig, lane } = blocked();
    const partition = rig.partition(0);
    if (how === 'lost') rig.tell((core, at) => core.lost(at, [0]));
    else rig.tell((core, at) => core.revoked(at, 1, [0]));
    const effects = rig.tell((core, at) => core.keyFreed(at, partition, lane));
    expect(effects).toEqual([]);
  });
});

it('effects are told of once', () => {
  const rig = new CoreRig();
  const first = rig.tell((core, at) => core.assigned(at, [0]));
  expect(first).toMatchObject([{ kind: 'claim' }]);
  const none = rig.core.takeEffects();
  expect(none).toEqual([]);
  rig.core.assigned(rig.at, [1]);
  expect(none).toEqual([]); // whoever still looks at what was told before does not see more come
  expect(rig.core.takeEffects()).toMatchObject([{ kind: 'claim' }]);
});
