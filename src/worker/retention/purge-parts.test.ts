import { describe, expect, it } from 'vitest';
import { KEEP_MS, MARGIN_MS, PurgeRig, ROUND_MS, UPLOAD_MS } from '../../../test/support/purge-rig.ts';
import { headerNames } from '../../codec/header-names.ts';
import { manifestHeader } from '../../codec/manifest.ts';
import { itemOf } from '../reading/item-of.ts';

const OLD_MS = KEEP_MS + UPLOAD_MS + MARGIN_MS;

describe('parts', () => {
  it('that belong to nothing go when an upload could not need them any more, also when nothing is in the queue', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q.parts', 0, 5);
    await rig.pass(OLD_MS);
    expect(rig.start('q.parts')).toBe(0);
    rig.append('q.parts', 0, 1);
    await rig.rounds();
    expect(rig.start('q.parts')).toBe(5);
    expect(owner.of('purged')).toEqual([{ topic: 'q.parts', partition: 0, below: 5n }]);
    await rig.pass(OLD_MS);
    await rig.rounds();
    expect(rig.start('q.parts')).toBe(6);
  });

  it('stay for what the queue still has, in any partition that is served, finished or not', async () => {
    await using rig = new PurgeRig(6);
    const owner = await rig.owner();
    rig.append('q.parts', 0, 5);
    await rig.pass(1_000);
    rig.append('q', 4, 2); // of the same parts partition
    rig.append('q', 1, 2); // of the other one
    owner.finish(4, 1, 2);
    owner.finish(1, 0, 2);
    rig.append('q.parts', 1, 5);
    await rig.pass(OLD_MS * 3);
    // The log of partition 4 begins at an unfinished task of 1 s.
    expect(rig.start('q', 4)).toBe(1);
    expect([rig.start('q.parts', 0), rig.start('q.parts', 1)]).toEqual([0, 0]);
    owner.finish(4, 2);
    await rig.rounds(2);
    expect([rig.start('q.parts', 0), rig.start('q.parts', 1)]).toEqual([5, 0]);
  });

  it('are found to be old by ever older times, for a task that is held', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q.parts', 0, 3);
    await rig.pass(UPLOAD_MS * 3);
    rig.append('q', 0, 1);
    owner.finish(0, 0, 1);
    rig.append('q.parts', 0, 2);
    await rig.pass(KEEP_MS * 7);
    // The task is 7 times as old as finished ones are kept: the time that is tried is the 8th.
    expect(rig.start('q.parts')).toBe(3);
    expect(owner.toldPins.map(({ topic }) => topic)).toContain('q');
    await rig.pass(KEEP_MS);
    expect(owner.toldPins.findLast(({ topic }) => topic === 'q.parts')).toMatchObject({
      partition: 0,
      offset: 3n,
      records: 2,
      bytes: 200,
      by: { kind: 'queue-partition', partition: 0 },
    });
  });

  it('stay when the log of a queue partition moves while it is being asked about', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q.parts', 0, 3);
    rig.append('q', 0, 2);
    owner.finish(0, 0, 2);
    await rig.pass(OLD_MS);
    const { admin } = owner;
    // Somebody else deletes the old task, and a newer one is there, between the two questions.
    let asked = 0;
    owner.admin = new Proxy(admin, {
      get: (target, name) =>
        name === 'offsetsForTime'
          ? (...given: Parameters<typeof admin.offsetsForTime>) => {
              asked += 1;
              if (asked === 3) rig.cluster.deleteRecords({ topic: 'q', partition: 0 }, 2);
              return admin.offsetsForTime(...given);
            }
          : (Reflect.get(target, name) as unknown),
    });
    rig.append('q', 0, 1);
    await rig.rounds();
    expect(rig.start('q')).toBe(2);
    expect(rig.start('q.parts')).toBe(0); // what was read of the log and what was answered do not fit
    await rig.rounds(1);
    expect(rig.start('q.parts')).toBe(3);
  });

  it('are kept as long as a producer says whose uploads take longer than declared', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    const warned: number[] = [];
    expect(owner.uploads.longestMs).toBe(UPLOAD_MS);
    const header = manifestHeader(headerNames.bodyParts, {
      upload: 'u',
      partition: 0,
      count: 1,
      from: 0,
      to: 0,
      bytes: 1,
      partBytes: 1,
      crc: 0,
      firstAtMs: 1,
      timeoutMs: UPLOAD_MS * 4,
    });
    const record = { topic: 'q', partition: 0, offset: 0, timestampMs: 0, key: null, value: Buffer.alloc(0) };
    owner.uploads.look([itemOf({ ...record, headers: [header] }), itemOf({ ...record, headers: [] })]);
    warned.push(owner.uploads.longestMs);
    expect(warned).toEqual([UPLOAD_MS * 4]);
    rig.append('q.parts', 0, 5);
    await rig.pass(OLD_MS * 2);
    expect(rig.start('q.parts')).toBe(0);
    await rig.pass(UPLOAD_MS * 4 + KEEP_MS + MARGIN_MS * 4 - OLD_MS * 2 + ROUND_MS);
    expect(rig.start('q.parts')).toBe(5);
  });
});
