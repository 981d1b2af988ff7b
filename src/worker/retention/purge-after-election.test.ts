import { expect, it } from 'vitest';
import { KEEP_MS, type OwnerRig, PurgeRig } from '../../../test/support/purge-rig.ts';
import type { Admin } from '../../kafka/admin.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';

const place = { topic: 'q', partition: 0 };
const groups = ['g', 'other'];

/** Both groups had finished 10 tasks of leader 0; then leader 1 was elected, which has 4 of them, and got 16 others. */
async function cutOff(): Promise<{ rig: PurgeRig; owner: OwnerRig; other: OwnerRig }> {
  const rig = new PurgeRig();
  const owner = await rig.owner({ groups });
  const other = await rig.owner({ group: 'other', groups });
  rig.append('q', 0, 10);
  for (const one of [owner, other]) {
    one.commit(0, 10);
    one.confirm(0, 10, 0);
  }
  await other.purger.stop();
  rig.cluster.elect(place, 4);
  rig.append('q', 0, 16);
  return { rig, owner, other };
}

it('what a group has finished before the end of a log was lost is not what others have taken the offsets of', async () => {
  const { rig, owner, other } = await cutOff();
  await using _rig = rig;
  owner.commit(0, 20);
  owner.confirm(0, 20, 1); // it had noticed, and that was accepted
  await rig.pass(KEEP_MS * 2);
  expect(rig.start('q')).toBe(4);
  other.commit(0, 12); // now the other one has, too
  other.confirm(0, 12, 1);
  await rig.pass(KEEP_MS);
  expect(rig.start('q')).toBe(12);
});

it('an owner that has not noticed deletes nothing of what came since', async () => {
  const { rig } = await cutOff();
  await using _rig = rig;
  await rig.pass(KEEP_MS * 2);
  expect(rig.start('q')).toBe(4);
});

it('a leader that has everything changes nothing', async () => {
  await using rig = new PurgeRig();
  const owner = await rig.owner();
  rig.append('q', 0, 10);
  owner.commit(0, 10);
  owner.confirm(0, 10, 0);
  rig.cluster.elect(place);
  rig.append('q', 0, 5);
  await rig.pass(KEEP_MS * 2);
  expect(rig.start('q')).toBe(10);
});

it('brokers that do not tell what leaders had are believed', async () => {
  await using rig = new PurgeRig();
  const owner = await rig.owner();
  const failure = { kind: 'unsupported', code: undefined, message: 'not here' } as const;
  const leaderEnds = (): Promise<never> => Promise.reject(new KafkaRequestError('Cannot ask', failure));
  owner.admin = new Proxy(owner.admin, {
    get: (target, name: keyof Admin) => (name === 'leaderEnds' ? leaderEnds : Reflect.get(target, name)),
  });
  rig.append('q', 0, 10);
  owner.commit(0, 10);
  owner.confirm(0, 10, 0);
  await rig.pass(KEEP_MS * 2);
  expect(rig.start('q')).toBe(10);
});
