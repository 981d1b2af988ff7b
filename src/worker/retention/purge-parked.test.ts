import { describe, expect, it } from 'vitest';
import { KEEP_MS, MARGIN_MS, PurgeRig, UPLOAD_MS } from '../../../test/support/purge-rig.ts';
import type { MarkEntry } from '../../journal/journal.ts';

const OLD_MS = KEEP_MS + UPLOAD_MS + MARGIN_MS;

function mark(epoch: number, parkedFrom: number, more: Partial<MarkEntry> = {}): MarkEntry {
  return {
    kind: 'mark',
    group: 'g',
    partition: 0,
    epoch,
    key: 'k',
    scope: 'key',
    from: 0,
    parkedFrom,
    type: '',
    id: '',
    reason: 'asked',
    error: '',
    atMs: 0,
    command: '',
    ...more,
  };
}

describe('the parked topic', () => {
  it('begins at the lowest live mark, of whatever group and queue partition, and ends with none', async () => {
    await using rig = new PurgeRig(4);
    const owner = await rig.owner({ partitions: [0] });
    owner.confirm(0, 0);
    rig.append('q.parked', 0, 20);
    const { epoch } = owner.state();
    const own = rig.journal(mark(epoch, 12));
    const gone = rig.journal({ kind: 'claim', group: 'gone', partition: 2, by: 'w' });
    const place = { group: 'gone', partition: 2, epoch: gone };
    rig.journal({ kind: 'confirm', ...place, frontier: 0, topicId: '', reason: 'taken' });
    const others = rig.journal(mark(gone, 7, { ...place, key: Buffer.from('ä').toString('latin1') }));
    await rig.pass(OLD_MS);
    expect(rig.start('q.parked')).toBe(0);
    await rig.rounds();
    expect(rig.start('q.parked')).toBe(7);
    expect(owner.toldPins).toMatchObject([
      {
        topic: 'q.parked',
        partition: 0,
        offset: 7n,
        records: 13,
        by: { kind: 'parked', group: 'gone', partition: 2, key: 'ä', mark: others },
      },
    ]);
    expect(owner.purger.health.pinned.bytes).toBe(1_300); // the size of what is left
    rig.journal({ kind: 'cleared', ...place, mark: others, how: 'discarded', upTo: 9, command: '' });
    await rig.rounds();
    expect(rig.start('q.parked')).toBe(12);
    rig.append('q.parked', 0, 3);
    rig.journal({
      kind: 'cleared',
      group: 'g',
      partition: 0,
      epoch,
      mark: own,
      how: 'redriven',
      upTo: 9,
      command: '',
    });
    await rig.rounds();
    expect(rig.start('q.parked')).toBe(20); // what is young may be of a mark that is being written
    expect(owner.purger.health.pinned.partitions).toBe(0);
    await rig.pass(OLD_MS);
    await rig.rounds();
    expect(rig.start('q.parked')).toBe(23);
    expect(owner.of('purged').map(({ below }) => below)).toEqual([7n, 12n, 20n, 23n]);
  });

  it('keeps all it has while a mark is of the topic that was there before it', async () => {
    await using rig = new PurgeRig(4);
    const owner = await rig.owner({ partitions: [0] });
    owner.confirm(0, 0);
    rig.append('q.parked', 0, 20);
    const { epoch } = owner.state();
    const own = rig.journal(mark(epoch, 12, { parkedTopicId: 'before' }));
    await rig.pass(OLD_MS);
    await rig.rounds();
    expect(rig.start('q.parked')).toBe(0);
    expect(owner.of('retention-pinned')).toMatchObject([
      { worst: [{ offset: 0n, records: 20, by: { mark: own } }] },
    ]);
  });

  it('keeps what a mark needs whose end may still turn out to be void', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    owner.confirm(0, 0);
    rig.append('q.parked', 0, 5);
    const { epoch } = owner.state();
    const id = rig.journal(mark(epoch, 2));
    const newer = rig.journal({ kind: 'claim', group: 'g', partition: 0, by: 'next' });
    rig.journal({
      kind: 'cleared',
      group: 'g',
      partition: 0,
      epoch,
      mark: id,
      how: 'redriven',
      upTo: 9,
      command: '',
    });
    await rig.pass(OLD_MS + KEEP_MS);
    expect(rig.start('q.parked')).toBe(2);
    const said = { group: 'g', partition: 0, epoch: newer, frontier: 0, topicId: '' };
    rig.journal({ kind: 'confirm', ...said, reason: 'taken' });
    await rig.pass(OLD_MS);
    expect(rig.start('q.parked')).toBe(2); // it is parked still
  });
});
