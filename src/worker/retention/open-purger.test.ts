import { describe, expect, it } from 'vitest';
import { PurgeRig, ROUND_MS } from '../../../test/support/purge-rig.ts';
import { resolveRetention } from '../../options/retention.ts';
import { needlessAfterMs } from './open-purger.ts';

describe('what a worker looks after', () => {
  it('are the ages of all four topics when it deletes, and of those that Kafka deletes from otherwise', async () => {
    await using deletes = new PurgeRig();
    await deletes.owner({ partitions: [0] });
    deletes.append('q', 0, 1);
    await deletes.rounds(2);
    expect(deletes.asked.filter((call) => call === 'topicConfigs')).toHaveLength(4);

    await using looks = new PurgeRig();
    await looks.owner({ partitions: [0], retention: resolveRetention({ timeMs: 4 * ROUND_MS }, 1_000) });
    looks.append('q', 0, 1);
    await looks.rounds(2);
    expect(looks.asked.filter((call) => call === 'topicConfigs')).toHaveLength(2);
  });

  it('may leave what no mark speaks of for as long as finished tasks and uploads are kept, or for ever', () => {
    expect(needlessAfterMs(resolveRetention({ keepFinishedMs: 5_000 }, 1_000))).toBe(6_000);
    expect(needlessAfterMs(resolveRetention({ timeMs: 5_000 }, 1_000))).toBe(Number.POSITIVE_INFINITY);
  });
});
