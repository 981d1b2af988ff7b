import type { CoreReport } from '../../src/worker/core/effects.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** Takes down what a core reports, and checks what must not be reported. */
export class ReportReader {
  readonly #worker: SimulatedWorker;

  constructor(worker: SimulatedWorker) {
    this.#worker = worker;
  }

  read(report: CoreReport): void {
    const worker = this.#worker;
    const { world } = worker;
    world.count(`report ${report.kind}`);
    switch (report.kind) {
      case 'partition-halted': {
        world.losses.checkHalt(report.partition, report);
        return;
      }
      case 'partition-note':
        if (report.note.kind === 'loss-accepted') world.losses.accepted(report.partition, report.note);
        return;
      case 'parked':
        world.note(report.partition, report.reason === 'crash-loop' ? 'condemned' : 'parked');
        return;
      case 'revoked-uncommitted':
        world.reference.leftUncommitted(report.partition);
        return;
      case 'redrive-began':
        world.note(report.partition, 'redrive began');
        return;
      case 'redriven':
        world.note(report.partition, 'redriven');
        return;
      case 'redrive-failed':
        world.note(report.partition, 'redrive failed');
        return;
      case 'parked-discarded':
        world.note(report.partition, 'parked discarded');
        return;
      case 'outage-began':
        worker.noteAll('down');
        worker.outages.began(report.type);
        return;
      case 'outage-ended':
        worker.noteAll('up');
        worker.outages.ended(report.type);
        return;
      case 'task-failed': {
        const { partition, item } = report.run;
        if (report.counted && worker.outages.isDown(item.type))
          world.reference.fail(`outage: an attempt of ${partition.partition}@${item.offset} was counted`);
        return;
      }
      case 'key-held':
        world.note(report.partition, 'held');
        return;
      case 'task-skipped': {
        const { partition, item } = report;
        world.note(partition, 'skipped');
        const epoch = worker.core.state.partitions.get(partition)?.epoch ?? -1;
        const asked = world.operators.haveAskedFor(partition, item.offset);
        world.reference.excused(partition, item.offset, { epoch, asked });
        return;
      }
      default:
    }
  }
}
