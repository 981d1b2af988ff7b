import type { Admin, LeaderEnd, PastLeader } from './port.ts';
import { KafkaRequestError } from './request-error.ts';

/** {@link Admin.leaderEnds}; nothing where brokers do not tell. Asks nobody about nothing. */
export async function leadersLeft(
  ask: <T>(request: (admin: Admin) => Promise<T>) => Promise<T>,
  leaders: readonly PastLeader[],
): Promise<readonly LeaderEnd[]> {
  if (leaders.length === 0) return [];
  try {
    return await ask((admin) => admin.leaderEnds(leaders));
  } catch (error) {
    if (error instanceof KafkaRequestError && error.failure.kind === 'unsupported') return [];
    throw error;
  }
}
