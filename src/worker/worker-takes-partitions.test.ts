import { describe, expect, it } from 'vitest';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { failures } from '../kafka/memory/failures.ts';

const one = { topic: { partitions: 1 } };
const place = { topic: 'q', partition: 0 };

/** A partition with ten tasks, of which a worker has handled those of some keys and stopped. */
async function worked(rig: QueueRig, handled: readonly string[], count: number): Promise<void> {
  const worker = rig.worker(({ key }) => {
    if (!handled.includes(key)) throw new Error('not now');
  });
  const finished = many(worker, 'task-finished', count);
  await rig.enqueue('a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'a', 'b');
  await worker.start();
  await finished;
  await worker.stop();
}

/** A group's offsets as an operator's tool gets at them, behind the group's back. */
function offsetsOf(rig: QueueRig): Map<string, { offset: number; metadata: string }> {
  return rig.cluster.group('q').offsets as Map<string, { offset: number; metadata: string }>; // a map, told as read-only
}

/** An operator sets the group to an offset. */
function setBy(rig: QueueRig, offset: number): void {
  const offsets = offsetsOf(rig);
  for (const key of offsets.keys()) offsets.set(key, { offset, metadata: '' });
}

describe('a successor', () => {
  it('repeats nothing that was finished out of order, and knows how often the rest failed', async () => {
    await using rig = new QueueRig(one);
    await worked(rig, ['b'], 5);
    const seen: [string, number][] = [];
    const attempts: number[] = [];
    const successor = rig.worker(({ key, n }, { attempt, redelivered }) => {
      seen.push([key, n]);
      attempts.push(attempt);
      expect(redelivered).toBe(n === 0);
    });
    const finished = many(successor, 'task-finished', 5);
    await successor.start();
    await finished;
    expect(seen).toEqual([0, 2, 4, 6, 8].map((n) => ['a', n]));
    expect(attempts[0]).toBeGreaterThan(1);
    expect(attempts.slice(1)).toEqual([1, 1, 1, 1]);
  });

  it('never begins at the end of the log when the committed offset is gone: it asks the journal', async () => {
    await using rig = new QueueRig(one);
    await worked(rig, ['a', 'b'], 10);
    await rig.enqueue('a');
    offsetsOf(rig).clear();
    const successor = rig.worker(() => {});
    const note = next(successor, 'partition-note');
    const finished = next(successor, 'task-finished');
    await successor.start();
    expect(await note).toEqual({ partition: 0, note: { kind: 'committed-offset-missing', used: 10 } });
    expect(await finished).toMatchObject({ offset: 10n });
  });

  it('obeys when somebody has set the group back', async () => {
    await using rig = new QueueRig(one);
    await worked(rig, ['a', 'b'], 10);
    setBy(rig, 4);
    const seen: number[] = [];
    const successor = rig.worker(({ n }) => void seen.push(n), { concurrency: 1 });
    const note = next(successor, 'partition-note');
    const finished = many(successor, 'task-finished', 6);
    await successor.start();
    expect(await note).toMatchObject({ note: { kind: 'rewind-obeyed', offset: 4, was: 10 } });
    await finished;
    expect(seen).toEqual([4, 5, 6, 7, 8, 9]);
  });
});

describe('a partition is not worked on, and that is said, when', () => {
  it.each<[string, (rig: QueueRig) => void | Promise<void>, object]>([
    [
      'unfinished records were deleted',
      (rig) => rig.cluster.deleteRecords(place, 3),
      { reason: 'data-loss', from: 0n, to: 3n },
    ],
    [
      'somebody set the group ahead of what was done',
      (rig) => setBy(rig, 9),
      { reason: 'offset-ahead', from: 0n, to: 9n },
    ],
    [
      'the topic was deleted and made again',
      async (rig) => {
        rig.cluster.deleteTopic('q');
        rig.cluster.createTopic('q', {
          partitions: 1,
          configs: {
            'message.timestamp.type': 'LogAppendTime',
            'retention.ms': '-1',
            'min.insync.replicas': '2',
          },
        });
      },
      { reason: 'topic-recreated', from: 0n, to: 0n },
    ],
  ])('%s', async (_what, harm, event) => {
    await using rig = new QueueRig(one);
    await worked(rig, ['b'], 5);
    await harm(rig);
    const seen: unknown[] = [];
    const successor = rig.worker((job) => void seen.push(job), {}, rig.open(rig.connect(), one));
    const halted = next(successor, 'partition-halted');
    await successor.start();
    expect(await halted).toMatchObject({ partition: 0, ...event });
    expect(successor.health()).toMatchObject({
      status: 'degraded',
      reasons: [expect.stringMatching(/^partition 0 is halted: /)],
      partitions: [{ halted: event }],
    });
    await successor.stop();
    expect(seen).toEqual([]);
  });
});

describe('taking', () => {
  it('is tried again under a new claim when a step fails', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a');
    const worker = rig.worker(() => {});
    const problem = next(worker, 'problem');
    const finished = next(worker, 'task-finished');
    rig.cluster.faults.failAdmin('logEnds', failures.unreachable);
    await worker.start();
    await problem;
    await finished;
    expect(rig.cluster.records('q.state').length).toBe(3); // CLAIM, CLAIM, CONFIRM
  });

  it('starts nothing before the group has acknowledged it', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('a');
    const hold = rig.cluster.faults.holdCommitAck(place);
    let started = false;
    const worker = rig.worker(() => {
      started = true;
    });
    const finished = next(worker, 'task-finished');
    await worker.start();
    await hold.reached;
    expect(rig.cluster.records('q.state').length).toBe(1); // no CONFIRM before the ack
    expect(started).toBe(false);
    hold.release();
    await finished;
  });
});
