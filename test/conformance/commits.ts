import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Subject } from './port-conformance.ts';
import { type Bench, PARTITIONS } from './port-under-test.ts';
import type { WatchedMember } from './watched-member.ts';

async function lone(b: Bench, topic: string, group = `group-${randomUUID()}`): Promise<WatchedMember> {
  const member = await b.joinedMember({ group, topics: [topic], protocol: 'consumer' });
  await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
  return member;
}

export function describeCommits({ bench }: Subject): void {
  describe('commits', () => {
    it('are acknowledged, and read back with their metadata', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      const offsets = [
        { topic, partition: 0, offset: 0, metadata: 'zero' },
        { topic, partition: 1, offset: 17, metadata: '' },
        { topic, partition: 2, offset: 3, metadata: 'schlüssel ✓' },
      ];
      const outcomes = await member.membership.commit(offsets);
      expect(outcomes).toEqual(offsets.map(({ partition }) => ({ topic, partition, failure: undefined })));
      expect(
        await member.membership.committed(offsets.map(({ partition }) => ({ topic, partition }))),
      ).toEqual(offsets);
    });

    it('tell 0 from never', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      await member.membership.commit([{ topic, partition: 0, offset: 0, metadata: '' }]);
      const partitions = [
        { topic, partition: 0 },
        { topic, partition: 1 },
      ];
      expect(await member.membership.committed(partitions)).toEqual([
        { topic, partition: 0, offset: 0, metadata: '' },
        { topic, partition: 1, offset: undefined, metadata: '' },
      ]);
    });

    it('replace the one before, offset and metadata, also backwards', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      const results = await Promise.all([
        member.commit({ topic, partition: 0, offset: 9, metadata: 'nine' }),
        member.commit({ topic, partition: 0, offset: 9, metadata: 'nine again' }),
        member.commit({ topic, partition: 0, offset: 4, metadata: '' }),
      ]);
      expect(results).toEqual([undefined, undefined, undefined]);
      expect(await member.membership.committed([{ topic, partition: 0 }])).toEqual([
        { topic, partition: 0, offset: 4, metadata: '' },
      ]);
    });

    it('hold 4,000 characters of metadata', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      const commits = ['x', 'ü', '✓'].map((character, partition) => {
        return { topic, partition, offset: 1, metadata: character.repeat(4_000) };
      });
      const outcomes = await member.membership.commit(commits);
      expect(outcomes.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
      const partitions = commits.map(({ partition }) => ({ topic, partition }));
      expect(await member.membership.committed(partitions)).toEqual(commits);
    });

    it('with too much metadata are refused by themselves', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      const outcomes = await member.membership.commit([
        { topic, partition: 0, offset: 1, metadata: 'good' },
        { topic, partition: 1, offset: 2, metadata: 'x'.repeat(4_096) },
        { topic, partition: 2, offset: 3, metadata: 'good' },
      ]);
      expect(outcomes).toMatchObject([
        { partition: 0, failure: undefined },
        { partition: 1, failure: { kind: 'too-large', code: 12 } },
        { partition: 2, failure: undefined },
      ]);
      const partitions = [0, 1, 2].map((partition) => ({ topic, partition }));
      const read = await member.membership.committed(partitions);
      expect(read.map(({ offset }) => offset)).toEqual([1, undefined, 3]);
    });

    it('with NUL in their metadata are refused, not cut', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await lone(b, topic);
      expect(await member.commit({ topic, partition: 0, offset: 1, metadata: 'a\0b' })).toBe('other');
      expect(await member.membership.committed([{ topic, partition: 0 }])).toMatchObject([
        { offset: undefined },
      ]);
    });

    it('of nothing, and reads of nothing, answer nothing', async (t) => {
      const b = bench(t);
      const member = await lone(b, await b.topic());
      expect(await member.membership.commit([])).toEqual([]);
      expect(await member.membership.committed([])).toEqual([]);
    });

    it('of one group are not seen by another', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const [one, other] = [await lone(b, topic), await lone(b, topic)];
      await one.commit({ topic, partition: 0, offset: 5, metadata: 'one' });
      await other.commit({ topic, partition: 0, offset: 2, metadata: 'other' });
      const partitions = [{ topic, partition: 0 }];
      expect(await one.membership.committed(partitions)).toMatchObject([{ offset: 5, metadata: 'one' }]);
      expect(await other.membership.committed(partitions)).toMatchObject([{ offset: 2, metadata: 'other' }]);
    });

    it('outlive their member', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const first = await lone(b, topic);
      await first.commit({ topic, partition: 3, offset: 8, metadata: 'inherited' });
      await first.membership.leave();
      const second = await lone(b, topic, first.settings.group);
      expect(await second.membership.committed([{ topic, partition: 3 }])).toEqual([
        { topic, partition: 3, offset: 8, metadata: 'inherited' },
      ]);
    });
  });
}
