import type { Admin, LeaderEnd, PastLeader, Told } from './admin.ts';
import type { KafkaFailure } from './port.ts';
import { KafkaRequestError } from './request-error.ts';

/**
 * {@link Admin.leaderEnds}, one answer a question, in their order; undefined where brokers do not tell such things, which is
 * not the same as not being told now. Asks nobody about nothing.
 */
export async function leadersLeft(
  ask: <T>(request: (admin: Admin) => Promise<T>) => Promise<T>,
  leaders: readonly PastLeader[],
): Promise<readonly (Told<LeaderEnd> | undefined)[]> {
  if (leaders.length === 0) return [];
  try {
    const told = await ask((admin) => admin.leaderEnds(leaders));
    return leaders.map((_, nth) => (isNeverTold(told[nth]?.failure) ? undefined : told[nth]));
  } catch (error) {
    if (error instanceof KafkaRequestError && isNeverTold(error.failure)) return leaders.map(() => undefined);
    throw error;
  }
}

function isNeverTold(failure: KafkaFailure | undefined): boolean {
  return failure?.kind === 'unsupported';
}
