import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { EnqueueError } from '../../src/errors/enqueue-error.ts';
import type { Receipt } from '../../src/queue/enqueue-types.ts';
import type { PayloadPrint } from '../checker/events.ts';
import { EventLog } from './event-log.ts';
import { startGauges } from './gauges.ts';
import { heldDriver } from './held-driver.ts';
import { type BodyPlan, contentOf, printOfBody, slowStreamOf, streamOf } from './large-body.ts';
import { openStore } from './payload-stores.ts';
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

const holding = { ms: 0 };
const { queue, close } = openWorkQueue(
  settings,
  (driver) => heldDriver(driver, settings.queue, holding),
  await openStore(settings),
);
const payloads = new PayloadMaker(settings.payloads);
let calls = 0;
const open = new Set<Promise<void>>();

/** One that can be called: what identifies it is known before. */
interface Prepared {
  readonly call: number;
  readonly id: string;
  readonly key: string;
  readonly print: PayloadPrint;
  readonly enqueue: () => Promise<Receipt>;
}

const randomBodies: BodyPlan = { seed: settings.payloads.seed, minBytes: 0, maxBytes: 0, kinds: ['random'] };

function hasBodies({ bodyBytes }: ProducerOrder): boolean {
  return settings.bodies !== undefined || bodyBytes !== undefined;
}

async function prepare(key: string, order: ProducerOrder): Promise<Prepared> {
  calls += 1;
  const call = calls;
  const id = `${settings.life}-${call}`;
  const { bodyBytes, bodyMs, timeoutMs } = order;
  const options = timeoutMs === undefined ? { id } : { id, timeoutMs };
  const { bodies = randomBodies } = settings;
  if (!hasBodies(order)) {
    const payload = payloads.make(key, call);
    return { call, id, key, print: printOf(payload), enqueue: () => queue.enqueue('work', payload, options) };
  }
  const content = { ...contentOf(bodies, call), ...(bodyBytes === undefined ? {} : { bytes: bodyBytes }) };
  const print = await printOfBody(streamOf(content));
  const body = (): Readable => (bodyMs === undefined ? streamOf(content) : slowStreamOf(content, bodyMs));
  const enqueue = (): Promise<Receipt> => queue.enqueue('blob', { key, call }, { ...options, body: body() });
  return { call, id, key, print, enqueue };
}

function carryOutCall({ call: number, id, key, print, enqueue }: Prepared): void {
  log.write({ event: 'enqueue-called', call: number, id, key, ...print });
  const call: Promise<void> = enqueue()
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

async function prepareAll(order: ProducerOrder): Promise<Prepared[]> {
  const all: Prepared[] = [];
  for (const key of order.keys) all.push(await prepare(key, order));
  return all;
}

async function carryOut(order: ProducerOrder): Promise<void> {
  const { keys, everyMs, holdMs } = order;
  holding.ms = holdMs ?? 0;
  // Bodies take long to be made twice: not while others are on their way.
  const prepared = hasBodies(order) ? await prepareAll(order) : undefined;
  for (const [index, key] of keys.entries()) {
    while (open.size >= settings.window) await Promise.race(open);
    carryOutCall(prepared?.[index] ?? (await prepare(key, order)));
    if (everyMs > 0) await wait(everyMs);
  }
  await Promise.all(open);
  process.send?.('done');
}

if (settings.gauges === true) startGauges(log);
let last: Promise<void> = Promise.resolve();
process.on('message', (order: ProducerOrder | 'end') => {
  last = last.then(async () => {
    if (order !== 'end') return carryOut(order);
    await close();
    process.exit(0);
  });
});
process.send?.('ready');
