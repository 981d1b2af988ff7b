import type { GroupMember, TopicPartition } from '../../kafka/port.ts';

/**
 * How what the coordinator of a KIP-848 group believes of a member differs from what that member was told: a text that
 * stays the same for as long as the difference does. Undefined: it does not differ.
 *
 * A description names no member as ours. Who owns what we hold is us, as nobody else can. Who holds nothing may be one of
 * those that own nothing, and cannot tell: it loses nothing by joining again.
 */
export function differenceOf(
  held: readonly TopicPartition[],
  members: readonly GroupMember[],
): string | undefined {
  const mine = new Set(held.map(nameOf));
  if (mine.size === 0) return members.some(({ owns }) => owns.length > 0) ? 'holds nothing' : undefined;
  // Nobody: the coordinator has taken it all away, and the next heartbeat says so.
  const self = members.find(({ owns }) => owns.some((one) => mine.has(nameOf(one))));
  if (self === undefined) return undefined;
  const owns = new Set(self.owns.map(nameOf));
  const shouldOwn = new Set(self.shouldOwn.map(nameOf));
  const given = [...owns].filter((name) => !mine.has(name)).sort();
  const askedFor = [...mine].filter((name) => !shouldOwn.has(name)).sort();
  if (given.length + askedFor.length === 0) return undefined;
  return `was not told that it owns ${listed(given)}, and is to give up ${listed(askedFor)}`;
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}
