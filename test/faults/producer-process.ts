import { setTimeout as wait } from 'node:timers/promises';
import { EnqueueError } from '../../src/errors/enqueue-error.ts';
import { EventLog } from './event-log.ts';
import { type ProducerOrder, type ProducerSettings, readSettings } from './process-settings.ts';
import { openWorkQueue } from './queue-under-test.ts';
import { PayloadMaker, printOf } from './work-payload.ts';

/** One producer of a fault run: enqueues what it is told, order by order; says 'done' after each; ends when told to. */
const settings = readSettings<ProducerSettings>();
const log = new EventLog(settings.folder, settings.life);
log.write({ event: 'process-started', pid: process.pid });
process.on('unhandledRejection', (error) => {
  log.write({ event: 'process-error', text: `unhandled rejection: ${String(error)}` });
});
process.on('disconnect', () => process.exit(71));

const { queue, close } = openWorkQueue(settings, (driver) => driver);
const payloads = new PayloadMaker(settings.payloads);
let calls = 0;
const open = new Set<Promise<void>>();

function enqueue(key: string): void {
  calls += 1;
  const payload = payloads.make(key, calls);
  const id = `${settings.life}-${calls}`;
  log.write({ event: 'enqueue-called', call: calls, id, key, ...printOf(payload) });
  const call: Promise<void> = queue
    .enqueue('work', payload, { id })
    .then(
      ({ partition, offset }) => {
        log.write({ event: 'enqueue-acked', id, partition, offset: Number(offset) });
      },
      (error: unknown) => {
        const known = error instanceof EnqueueError;
        const outcome = known ? error.outcome : 'unknown';
        log.write({ event: 'enqueue-failed', id, outcome, code: known ? error.code : String(error) });
      },
    )
    .finally(() => open.delete(call));
  open.add(call);
}

async function carryOut({ keys, everyMs }: ProducerOrder): Promise<void> {
  for (const key of keys) {
    while (open.size >= settings.window) await Promise.race(open);
    enqueue(key);
    if (everyMs > 0) await wait(everyMs);
  }
  await Promise.all(open);
  process.send?.('done');
}

let last: Promise<void> = Promise.resolve();
process.on('message', (order: ProducerOrder | 'end') => {
  last = last.then(async () => {
    if (order !== 'end') return carryOut(order);
    await close();
    process.exit(0);
  });
});
process.send?.('ready');
