import { describe, expect, it } from 'vitest';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';

const place = { topic: 'q', partition: 0 };
const one = { topic: { partitions: 1 } };
const configs = {
  'message.timestamp.type': 'LogAppendTime',
  'retention.ms': '-1',
  'min.insync.replicas': '2',
};

/** The queue's topic is deleted and made again. */
function recreate(rig: QueueRig): void {
  rig.cluster.deleteTopic('q');
  rig.cluster.createTopic('q', { partitions: 1, configs });
}

describe('a partition that has lost records', () => {
  it('stops, says which, and goes on behind them when an operator accepts it', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a', 'b', 'c', 'd');
    rig.cluster.deleteRecords(place, 0);
    const before = await rig.started(({ key }) => {
      if (key === 'a') throw new Error('not now');
    });
    await many(before, 'committed', 1);
    await before.stop();
    rig.cluster.deleteRecords(place, 2);
    const seen: string[] = [];
    const worker = rig.worker(({ key }) => void seen.push(key));
    const halted = next(worker, 'partition-halted');
    await worker.start();
    const { from, to, reason } = await halted;
    expect({ from, to, reason }).toEqual({ from: 0n, to: 2n, reason: 'data-loss' });
    expect(worker.health().partitions).toMatchObject([{ phase: 'halted', halted: { from, to, reason } }]);
    const { pending } = rig.queue;
    expect(await pending.acceptLoss({ partition: 0, below: 1n, waitMs: 10_000 })).toMatchObject({
      outcome: 'not-enough',
    });
    const note = next(worker, 'partition-note');
    const done = next(worker, 'command-done');
    const accepted = await pending.acceptLoss({ partition: 0, below: to, by: 'me', waitMs: 10_000 });
    expect(accepted.outcome).toBe('accepted');
    expect(await done).toMatchObject({ command: accepted.id, verb: 'accept-loss', outcome: 'accepted' });
    expect(await note).toMatchObject({ note: { kind: 'loss-accepted', reason, from: 0, to: 2, by: 'me' } });
    const finished = next(worker, 'task-finished', ({ key }) => key === 'z');
    await rig.enqueue('z');
    await finished;
    expect(seen).not.toContain('a');
    expect(worker.health()).toMatchObject({ status: 'ok', partitions: [{ halted: undefined }] });
    expect(await pending.acceptLoss({ partition: 0, below: to, waitMs: 10_000 })).toMatchObject({
      outcome: 'nothing-lost',
    });
  });

  it('needs no worker to have it accepted', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a', 'b');
    const before = await rig.started(() => {
      throw new Error('not now');
    });
    await many(before, 'committed', 1);
    await before.stop();
    rig.cluster.deleteRecords(place, 1);
    await rig.queue.pending.acceptLoss({ partition: 0, below: 1n });
    const worker = rig.worker(() => {});
    const finished = next(worker, 'task-finished');
    await worker.start();
    expect(await finished).toMatchObject({ key: 'b', offset: 1n });
  });
});

/** Another leader has only what is below an offset, and at once others have taken the offsets of what is gone, and more. */
function loseEnd(rig: QueueRig, end: number): void {
  const records = rig.cluster.records('q').map((one) => ({ ...one, value: one.value ?? Buffer.alloc(0) }));
  rig.cluster.elect(place, end);
  rig.cluster.write(place, records);
}

describe('an election that lost the end of a log, which has grown again at once', () => {
  it('stops the partition before anything of what came is run; accepted, all of it runs', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a', 'b', 'c', 'd');
    const seen: bigint[] = [];
    const worker = rig.worker((_payload, ctx) => void seen.push(ctx.record.offset));
    const all = next(worker, 'committed', ({ offset }) => offset === 4n);
    await worker.start();
    await all;
    const halted = next(worker, 'partition-halted');
    loseEnd(rig, 2);
    expect(await halted).toMatchObject({ reason: 'data-loss', from: 2n, to: 4n });
    expect(seen).toEqual([0n, 1n, 2n, 3n]);
    const finished = many(worker, 'task-finished', 4);
    const { pending } = rig.queue;
    expect(await pending.acceptLoss({ partition: 0, below: 4n, waitMs: 10_000 })).toMatchObject({
      outcome: 'accepted',
    });
    await finished;
    expect(seen.slice(4)).toEqual([2n, 3n, 4n, 5n]);
  });

  it('stops whoever takes the partition next', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a', 'b', 'c', 'd');
    const before = rig.worker(() => {});
    const all = next(before, 'committed', ({ offset }) => offset === 4n);
    await before.start();
    await all;
    await before.stop();
    loseEnd(rig, 3);
    const worker = rig.worker(() => {});
    const halted = next(worker, 'partition-halted');
    await worker.start();
    expect(await halted).toMatchObject({ reason: 'data-loss', from: 3n, to: 4n });
  });

  it('stops nobody when the new leader has everything', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a', 'b');
    const worker = rig.worker(() => {});
    const all = next(worker, 'committed', ({ offset }) => offset === 2n);
    await worker.start();
    await all;
    rig.cluster.elect(place);
    const more = next(worker, 'committed', ({ offset }) => offset === 4n);
    await rig.enqueue('c', 'd');
    await more;
    await worker.stop();
    rig.cluster.elect(place);
    const after = rig.worker(() => {});
    const started = next(after, 'partition-started');
    await after.start();
    expect(await started).toMatchObject({ offset: 4n });
  });
});

describe('a topic that was made anew', () => {
  it('is worked on from its start when that is accepted; what was parked before can be redriven', async () => {
    await using rig = new QueueRig(one);
    let broken = true;
    const seen: string[] = [];
    const handle = ({ key, n }: { key: string; n: number }): void => {
      if (broken && key === 'sick') throw new Error('not now');
      seen.push(`${key}${n}`);
    };
    const options = { types: { work: { retry: { maxAttempts: 1 }, afterGiveUp: 'parkKey' } } } as const;
    const before = rig.worker(handle, options);
    const parked = next(before, 'key-parked');
    const all = next(before, 'committed', ({ offset }) => offset === 4n);
    await rig.enqueue('well', 'sick', 'sick', 'sick');
    await before.start();
    await parked;
    await all;
    await before.stop();
    recreate(rig);
    const process = rig.open(rig.connect(), one);
    await process.enqueue('work', { key: 'sick', n: 10 });
    await process.enqueue('work', { key: 'new', n: 11 });
    const worker = rig.worker(handle, options, process);
    const halted = next(worker, 'partition-halted');
    await worker.start();
    const { to } = await halted;
    broken = false;
    const finished = many(worker, 'task-finished', 2);
    expect(await process.pending.acceptLoss({ partition: 0, below: to, waitMs: 10_000 })).toMatchObject({
      outcome: 'accepted',
    });
    await finished;
    expect(seen).toEqual(['well0', 'sick10', 'new11']);
    const report = await process.parked.redrive({ key: 'sick' }, { waitMs: 10_000 });
    expect(report.commands).toMatchObject([{ outcome: 'redriven' }]);
    expect(seen.slice(3)).toEqual(['sick1', 'sick2', 'sick3']);
    await process.enqueue('work', { key: 'sick', n: 12 });
    await next(worker, 'task-finished');
    expect(seen.at(-1)).toBe('sick12');
    await worker.stop();

    // Whoever takes it next goes on as if nothing had been.
    const after = rig.worker(handle, options, rig.open(rig.connect(), one));
    const started = next(after, 'partition-started');
    await after.start();
    expect(await started).toMatchObject({ offset: 3n });
  });
});
