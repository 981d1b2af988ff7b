import { describe, expect, it } from 'vitest';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

const record = (value: string) => ({ key: null, value: Buffer.from(value), headers: [] });

describe('memoryDriver', () => {
  it('hands out what was appended', async () => {
    const cluster = new MemoryCluster();
    cluster.createTopic('t');
    const driver = memoryDriver(cluster);
    const appender = await driver.appender();
    const reader = await driver.reader({ name: 'r', prefetchBytes: 1_000_000 });
    await reader.assign([{ topic: 't', partition: 0, offset: 0 }]);

    const { outcomes } = await appender.append({ topic: 't', partition: 0, records: [record('a')] });

    expect(outcomes).toMatchObject([{ kind: 'appended', offset: 0 }]);
    expect((await reader.poll(10)).map(({ value }) => value?.toString())).toEqual(['a']);
  });
});
