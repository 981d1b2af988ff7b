import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Subject } from './port-conformance.ts';
import { PARTITIONS, recordOf } from './port-under-test.ts';

const closed = { failure: { kind: 'closed' } };

export function describeClosing({ bench }: Subject): void {
  describe('after closing', () => {
    it('an appender has settled what was under way, and appends nothing any more', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const appender = await b.appender();
      await b.append(partition, ['first'], appender);
      const underWay = appender.append({ ...partition, records: [recordOf('second')] });
      await appender.close({ timeoutMs: 10_000 });
      await appender.close({ timeoutMs: 10_000 });
      expect((await underWay).outcomes).toMatchObject([{ kind: 'appended', offset: 1 }]);
      const { outcomes } = await appender.append({ ...partition, records: [recordOf('late')] });
      expect(outcomes).toMatchObject([{ kind: 'absent', ...closed }]);
      const admin = await b.admin();
      expect(await admin.logEnds([partition])).toMatchObject([{ end: 2 }]);
    });

    it('a reader refuses every call', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, ['v']);
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      await reader.close();
      await reader.close();
      await expect(reader.poll(1)).rejects.toMatchObject(closed);
      await expect(reader.assign([{ ...partition, offset: 0 }])).rejects.toMatchObject(closed);
      await expect(reader.unassign([partition])).rejects.toMatchObject(closed);
      await expect(reader.pause([partition])).rejects.toMatchObject(closed);
      await expect(reader.resume([partition])).rejects.toMatchObject(closed);
    });

    it.for(['leave', 'abandon'] as const)(
      'a member (%s) commits and reads nothing any more',
      async (how, t) => {
        const b = bench(t);
        const topic = await b.topic();
        const member = await b.joinedMember({
          group: `group-${randomUUID()}`,
          topics: [topic],
          protocol: 'consumer',
        });
        await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
        await member.membership[how]();
        await member.membership[how]();
        expect(await member.commit({ topic, partition: 0, offset: 0, metadata: '' })).toBe('closed');
        await expect(member.membership.committed([{ topic, partition: 0 }])).rejects.toMatchObject(closed);
        const heard = member.events.length;
        await b.port.settle();
        expect(member.events).toHaveLength(heard);
      },
    );

    it('a member that never joined has nothing to leave, and refuses the rest', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = b.member({ group: `group-${randomUUID()}`, topics: [topic], protocol: 'consumer' });
      expect(await member.commit({ topic, partition: 0, offset: 0, metadata: '' })).toBe('closed');
      await expect(member.membership.committed([{ topic, partition: 0 }])).rejects.toMatchObject(closed);
      await member.membership.leave();
      await expect(member.join()).rejects.toMatchObject(closed);
    });

    it('an abandoned member settles the commits that were under way', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const member = await b.joinedMember({
        group: `group-${randomUUID()}`,
        topics: [topic],
        protocol: 'consumer',
      });
      await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
      const commits = [1, 2, 3].map((offset) => member.commit({ topic, partition: 0, offset, metadata: '' }));
      await member.membership.abandon();
      for (const outcome of await Promise.all(commits)) expect([undefined, 'closed']).toContain(outcome);
    });

    it('an admin refuses every call', async (t) => {
      const admin = await bench(t).admin();
      await admin.close();
      await admin.close();
      await expect(admin.brokerCount()).rejects.toMatchObject(closed);
      await expect(admin.describeTopics(['t'])).rejects.toMatchObject(closed);
    });
  });
}
