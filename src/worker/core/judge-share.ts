import type { GroupMember } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';

/** How what the coordinator of a KIP-848 group believes of a member compares with what that member was told. */
export type Share =
  | { readonly kind: 'agrees' }
  /** Others have to give something up first; who has nothing may be the one that waits for it, or have missed something. */
  | { readonly kind: 'waits' }
  /**
   * `difference`: a text that stays the same for as long as the difference does. Not `certain`: the member has nothing, and
   * may be one that is to have nothing.
   */
  | { readonly kind: 'differs'; readonly difference: string; readonly certain: boolean };

/** What a member knows. It works on one topic; others of its group may work on others. */
export interface ShareFacts {
  readonly topic: string;
  readonly held: readonly TopicPartition[];
  readonly members: readonly GroupMember[];
}

/**
 * A description names no member as ours. Who owns what we hold is us, as nobody else can. Who holds nothing may be one of
 * those that own nothing, and cannot tell: it loses nothing by joining again.
 */
export function judgeShare({ topic, held, members }: ShareFacts): Share {
  const mine = new Set(held.map(nameOf));
  if (mine.size === 0) return judgeNothing(members.filter((member) => canBeOf(topic, member)));
  // Nobody: the coordinator has taken it all away, and the next heartbeat says so.
  const self = members.find(({ owns }) => owns.some((one) => mine.has(nameOf(one))));
  if (self === undefined) return { kind: 'agrees' };
  const owns = new Set(self.owns.map(nameOf));
  const shouldOwn = new Set(self.shouldOwn.map(nameOf));
  const given = [...owns].filter((name) => !mine.has(name)).sort();
  const askedFor = [...mine].filter((name) => !shouldOwn.has(name)).sort();
  if (given.length + askedFor.length === 0) return { kind: 'agrees' };
  const difference = `was not told that it owns ${listed(given)}, and is to give up ${listed(askedFor)}`;
  return { kind: 'differs', difference, certain: true };
}

function judgeNothing(members: readonly GroupMember[]): Share {
  if (members.every(({ owns }) => owns.length === 0)) return { kind: 'agrees' };
  const without = members.filter(({ owns }) => owns.length === 0);
  if (without.length === 0) return { kind: 'differs', difference: 'holds nothing', certain: true };
  // It hears of what it is given; should it have missed something, that shows once nobody waits.
  if (without.some(({ shouldOwn }) => shouldOwn.length > 0)) return { kind: 'waits' };
  const difference = 'holds nothing, and cannot tell whether it is to have anything';
  return { kind: 'differs', difference, certain: false };
}

function canBeOf(topic: string, { owns, shouldOwn }: GroupMember): boolean {
  return [...owns, ...shouldOwn].every((one) => one.topic === topic);
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}
