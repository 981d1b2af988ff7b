import { queue } from './queue.ts';

await queue.parked.redrive({ key: 'k', before: new Date() }, { perSecond: 10, waitMs: 60_000 });
await queue.parked.redrive({ all: true }, { dryRun: true, force: true });
await queue.parked.discard({ marks: [{ partition: 3, mark: 17 }] });
await queue.pending.hold({ type: 'mail.send', by: 'deploy 41' });
await queue.pending.release({ key: 'session 7' });

// What list and show give can be passed on as it is.
const { parked, next } = await queue.parked.list({ limit: 5 });
for (const mark of parked) {
  for await (const task of queue.parked.show(mark, { payload: true })) {
    if (task.kind === 'undecodable') task.problem.trim();
    else task.payloadProblem?.trim();
    const { skipped } = await queue.parked.discard(task);
    for (const { reason, error } of skipped) if (reason === 'redrive-loop') error?.redrives.toFixed();
  }
  const { commands } = await queue.parked.redrive(mark);
  commands[0]?.outcome?.startsWith('gave');
}
await queue.parked.list({ cursor: next });

// @ts-expect-error says Type 'false' is not assignable to type
await queue.parked.redrive({ all: false });

// @ts-expect-error says 'key' does not exist in type
await queue.parked.redrive({ all: true, key: 'k' });

// @ts-expect-error says Type 'string' is not assignable to type 'Date'
await queue.parked.redrive({ key: 'k', before: '2026-11-25' });

// @ts-expect-error says Did you mean '"mail.send"'?
await queue.pending.hold({ type: 'mail.sned' });

// @ts-expect-error says 'force' does not exist in type 'DiscardOptions'
await queue.parked.discard({ key: 'k' }, { force: true });

// @ts-expect-error says Property 'id' is missing
await queue.pending.skip({ key: 'k' });

await queue.parked.list({
  // @ts-expect-error says 'keys' does not exist in type 'ParkedListOptions'
  keys: 'k',
});
