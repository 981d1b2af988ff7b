import type { Worker } from '../../src/worker/worker.ts';
import { bodyHandler } from './body-handler.ts';
import { engineFault } from './engine-mutants.ts';
import { EventLog } from './event-log.ts';
import { startGauges } from './gauges.ts';
import { KillPoints } from './kill-points.ts';
import { observedDriver } from './observed-driver.ts';
import { openStore } from './payload-stores.ts';
import { readSettings, type WorkerOrder, type WorkerSettings } from './process-settings.ts';
import { openWorkQueue } from './queue-under-test.ts';
import { workHandler } from './work-handler.ts';

/** One worker of a fault run: works until SIGTERM, and ends with its parent whatever happens. */
const settings = readSettings<WorkerSettings>();
const log = new EventLog(settings.folder, settings.life);
log.write({ event: 'process-started', pid: process.pid });

const fail = (what: string, error: unknown): void => {
  const text = error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
  log.write({ event: 'process-error', text: `${what}: ${text}` });
};
process.on('unhandledRejection', (error) => fail('unhandled rejection', error));
process.on('uncaughtException', (error) => {
  fail('uncaught exception', error);
  process.exit(70);
});
process.on('disconnect', () => process.exit(71));

const killPoints = new KillPoints(settings.queue);
process.on('message', (order: WorkerOrder) => {
  if (order === 'stand still') process.kill(process.pid, 'SIGSTOP');
  else killPoints.arm(order.killAt);
});
const fault = engineFault(settings.mutant, settings.queue);
const { queue, close } = openWorkQueue(
  settings,
  (driver) => killPoints.driver(fault.driver(observedDriver(driver, log))),
  await openStore(settings),
);
const worker = queue.worker(
  { work: workHandler(settings, log, fault), blob: bodyHandler(settings, log) },
  {
    concurrency: settings.concurrency,
    commitIntervalMs: settings.commitIntervalMs,
    ...(settings.afterGiveUp === undefined ? {} : { afterGiveUp: settings.afterGiveUp }),
    ...(settings.maxAttempts === undefined ? {} : { retry: { maxAttempts: settings.maxAttempts } }),
    ...(settings.group === undefined ? {} : { group: settings.group }),
    rebalance: {
      protocol: settings.protocol,
      drainMs: settings.drainMs,
      detectFailureMs: settings.detectFailureMs,
      ...(settings.staticMemberId === undefined ? {} : { staticMemberId: settings.staticMemberId }),
    },
  },
);
observe(worker);

if (settings.gauges === true) startGauges(log);

const stop = async (): Promise<void> => {
  log.write({ event: 'stop-requested' });
  await worker.stop();
  await close();
  log.write({ event: 'stopped' });
  process.exit(0);
};
process.once('SIGTERM', () => {
  stop().catch((error: unknown) => {
    fail('stop() rejected', error);
    process.exit(72);
  });
});
worker.done.catch((error: unknown) => fail('the worker gave up', error));
await worker.start();

/** The one place where what the worker says becomes lines of the log. */
function observe(observed: Worker): void {
  observed.on('partition-started', ({ partition, epoch, offset }) => {
    log.write({ event: 'taken', partition, epoch: Number(epoch), offset: Number(offset) });
  });
  observed.on('released-uncommitted', ({ partition }) =>
    log.write({ event: 'given-up-uncommitted', partition }),
  );
  observed.on('partition-halted', ({ partition, reason, from, to }) => {
    if (reason === settings.expectedHalt) log.write({ event: 'halted', partition, reason });
    else fail(`partition ${partition} was halted`, `${reason}, ${from} to ${to}`);
  });
  observed.on('key-parked', ({ partition, offset, key, reason }) =>
    log.write({ event: 'parked', partition, offset: Number(offset), key, reason }),
  );
  observed.on('held-by-operator', ({ key }) => {
    if (key !== undefined) log.write({ event: 'key-held', key });
  });
  observed.on('holds-found', ({ keys }) => {
    for (const key of keys) log.write({ event: 'key-held', key });
  });
  observed.on('partition-note', ({ partition, note }) => {
    if (note.kind === 'rewind-obeyed') log.write({ event: 'rewind-obeyed', partition, offset: note.offset });
  });
  observed.on('task-void', ({ id, partition, offset }) =>
    log.write({ event: 'task-void', id, partition, offset: Number(offset) }),
  );
  observed.on('data-loss', ({ id, error }) => fail(`parts of ${id} are lost`, error));
  observed.on('rejoining', ({ difference }) => log.write({ event: 'rejoining', difference }));
  observed.on('outage-began', () => log.write({ event: 'outage', began: true }));
  observed.on('outage-ended', () => log.write({ event: 'outage', began: false }));
  observed.on('key-held', ({ key, reason, error }) => fail(`key ${key} is held for ${reason}`, error));
}
