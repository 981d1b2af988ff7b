import { decodeMetadata, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** Breaks how a new owner finds what is lost. */
export function mutateLoss({ world }: SimulatedWorker, finding: TakingFinding): TakingFinding {
  switch (world.scenario.mutant) {
    case 'loss-unseen-by-owners':
      return { ...finding, logStart: 0 };
    case 'accepted-by-nobody': {
      const { topicId, statePin, history, epoch } = finding;
      const verb = { name: 'accept-loss', below: Number.MAX_SAFE_INTEGER, topicId, statePin } as const;
      const command = { id: 'nobody', offset: epoch, key: '', by: 'nobody', verb };
      return { ...finding, history: { ...history, pending: [...history.pending, command] } };
    }
    case 'loss-passed-over': {
      // As `auto.offset.reset=earliest` would have it.
      const { committed, logStart } = finding;
      if (committed === undefined || committed.offset >= logStart) return finding;
      const read = decodeMetadata(committed.metadata, committed.offset);
      if (read.kind !== 'state') return finding;
      const { state } = read;
      const lanes = state.lanes.filter(({ offset }) => offset >= logStart);
      const moved = { ...state, frontier: logStart, doneBelow: Math.max(state.doneBelow, logStart), lanes };
      return { ...finding, committed: { offset: logStart, metadata: encodeMetadata(moved).text } };
    }
    default:
      return finding;
  }
}
