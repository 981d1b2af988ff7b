import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentLogger } from 'keylane';
import { mixedQueue, nowMs, type RoundReport } from './mixed-tasks.ts';

/** The process that works, for bench/mixed.ts: told the round that it is to tell of, it does. */
const [name = '', ...brokers] = process.argv.slice(2);
const { kafka, queue } = mixedQueue(brokers, name);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let round = 0;
let smallCount = 0;
let largeCount = 0;
let latenciesMs: number[] = [];

function begin(next: number): void {
  round = next;
  smallCount = 0;
  largeCount = 0;
  latenciesMs = [];
  delay.reset();
}

const worker = queue.worker(
  {
    small: ({ round: of, sentAtMs }) => {
      if (of !== round) begin(of);
      smallCount += 1;
      latenciesMs.push(nowMs() - sentAtMs);
    },
    large: async ({ round: of }, { body }) => {
      for await (const _chunk of body);
      if (of !== round) begin(of);
      largeCount += 1;
    },
  },
  { logger: silentLogger },
);
await worker.start();
process.on('message', (message) => {
  if (message === 'stop') {
    void queue
      .close()
      .then(() => kafka.close())
      .finally(() => process.disconnect());
    return;
  }
  const report: RoundReport = { round, smallCount, largeCount, latenciesMs, loopDelayMs: delay.max / 1e6 };
  process.send?.(report);
});
process.send?.('ready');
