import type { LogEnds } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';
import { endsOf, nameOf, offsetsOf } from './log-view.ts';
import { sumOf } from './pin-book.ts';
import type { RetentionPin, RetentionPins } from './retention-health.ts';
import { askEach, type Round } from './round.ts';
import { timesToTry } from './side-limits.ts';

/** Says how much disk takes what is pinned, and of the worst how old it is, at least. Asked for only when it is told. */
export async function describePins(
  pins: readonly RetentionPin[],
  round: Round,
  keepMs: number,
): Promise<RetentionPins> {
  // Those of which nothing is told now, neither: they are told as they were.
  const places = placesOf(pins.filter((pin) => !round.isUntold(pin)));
  const sizes = await sizesOf(places, round);
  const ends = endsOf(sizes === undefined ? [] : await askEach(round, (admin) => admin.eachLogEnds(places)));
  const sum = sumOf(
    pins.map((pin) => {
      const bytes = ends.has(pin) ? shareOf(pin, sizes?.get(nameOf(pin)), ends.of(pin)) : undefined;
      return { ...pin, bytes };
    }),
  );
  const ages = await agesOf(sum.worst, round, keepMs);
  return { ...sum, worst: sum.worst.map((pin) => ({ ...pin, ageMs: ages.get(nameOf(pin)) ?? pin.ageMs })) };
}

async function agesOf(
  pins: readonly RetentionPin[],
  round: Round,
  keepMs: number,
): Promise<ReadonlyMap<string, number>> {
  const ages = new Map<string, number>();
  let open = pins.filter((pin) => !round.isUntold(pin));
  for (const { multiple, timeMs } of timesToTry(round.brokerNowMs, keepMs)) {
    const places = placesOf(open);
    const found = offsetsOf(await askEach(round, (admin) => admin.offsetsForTime(places, timeMs)));
    open = open.filter(
      (pin) => found.has(pin) && (found.of(pin) ?? Number.POSITIVE_INFINITY) > Number(pin.offset),
    );
    for (const pin of open) ages.set(nameOf(pin), keepMs * multiple);
    if (open.length === 0) break;
  }
  return ages;
}

function placesOf(pins: readonly RetentionPin[]): readonly TopicPartition[] {
  return pins.map(({ topic, partition }) => ({ topic, partition }));
}

/** undefined where it may not be asked, or is not known: it is only told. */
async function sizesOf(
  places: readonly TopicPartition[],
  { ask }: Round,
): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    return await ask((admin) => admin.logSizes(places));
  } catch (error) {
    if (error instanceof KafkaRequestError) return undefined;
    throw error;
  }
}

function shareOf(
  { records }: RetentionPin,
  bytes: number | undefined,
  { start, end }: Pick<LogEnds, 'start' | 'end'>,
): number | undefined {
  if (bytes === undefined || end <= start) return undefined;
  return Math.round(bytes * Math.min(1, records / (end - start)));
}
