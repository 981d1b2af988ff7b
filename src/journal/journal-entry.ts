import type { JournalEntry, MarkEntry, ParkReason, Verb } from './journal.ts';

/** What an error says in a mark: enough to recognise it. All of it is in the parked record's headers. */
const ERROR_LENGTH = 200;
/** Of an id that stands in a mark; a valid task's is never longer. */
const ID_LENGTH = 512;

/** The text of an entry: JSON, one field a fact; below 1 KB but for keys and ids of unusual length. */
export function encodeEntry(entry: JournalEntry): string {
  switch (entry.kind) {
    case 'mark':
      return write({
        ...entry,
        key: btoa(entry.key),
        id: cut(entry.id, ID_LENGTH),
        error: cut(entry.error, ERROR_LENGTH),
      });
    case 'command': {
      const { verb, key, ...rest } = entry;
      const { name, ...more } = verb;
      return write({ ...rest, verb: name, key: btoa(key), ...more });
    }
    default:
      return write(entry);
  }
}

function write(fields: object): string {
  return JSON.stringify({ v: 1, ...fields });
}

/** At most so many characters, none of them half. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

/** An entry's text; undefined for what keylane did not write, or a later version writes. */
export function decodeEntry(text: string): JournalEntry | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const fields = raw as Fields; // each is checked below
  const { v, group, partition } = fields;
  if (v !== 1 || typeof group !== 'string' || !isCount(partition)) return undefined;
  return decodeKind(fields, { group, partition });
}

type Fields = Readonly<Record<string, unknown>>;
interface Place {
  readonly group: string;
  readonly partition: number;
}

function decodeKind(fields: Fields, place: Place): JournalEntry | undefined {
  switch (fields['kind']) {
    case 'claim': {
      const { by } = fields;
      return typeof by === 'string' ? { kind: 'claim', ...place, by } : undefined;
    }
    case 'confirm':
      return decodeConfirm(fields, place);
    case 'mark':
      return decodeMark(fields, place);
    case 'progress': {
      const { epoch, mark, done } = fields;
      if (!isCount(epoch) || !isCount(mark) || !isOffsetOrNone(done)) return undefined;
      return { kind: 'progress', ...place, epoch, mark, done };
    }
    case 'cleared': {
      const { epoch, mark, how, upTo, command } = fields;
      if (!isCount(epoch) || !isCount(mark) || !isOffsetOrNone(upTo) || typeof command !== 'string')
        return undefined;
      if (how !== 'redriven' && how !== 'discarded') return undefined;
      return { kind: 'cleared', ...place, epoch, mark, how, upTo, command };
    }
    case 'command': {
      const { id, by, atMs } = fields;
      const verb = decodeVerb(fields);
      const key = decodeKey(fields['key']);
      if (verb === undefined || key === undefined || !isCount(atMs)) return undefined;
      if (typeof id !== 'string' || typeof by !== 'string') return undefined;
      return { kind: 'command', ...place, id, verb, key, by, atMs };
    }
    case 'done': {
      const { epoch, command, outcome } = fields;
      if (!isCount(epoch) || typeof command !== 'string' || typeof outcome !== 'string') return undefined;
      return { kind: 'done', ...place, epoch, command, outcome };
    }
    case 'truncated': {
      const { epoch, from, to } = fields;
      if (!isCount(epoch) || !isCount(from) || !isCount(to)) return undefined;
      return { kind: 'truncated', ...place, epoch, from, to };
    }
    default:
      return undefined;
  }
}

function decodeConfirm(fields: Fields, place: Place): JournalEntry | undefined {
  const { epoch, frontier, topicId, reason, era, leaderEpoch, accepted } = fields;
  if (!isCount(epoch) || !isCount(frontier) || typeof topicId !== 'string') return undefined;
  if (reason !== 'taken' && reason !== 'stopped' && reason !== 'periodic') return undefined;
  return {
    kind: 'confirm',
    ...place,
    epoch,
    frontier,
    topicId,
    reason,
    ...(isCount(era) ? { era } : {}),
    ...(isCount(leaderEpoch) ? { leaderEpoch } : {}),
    ...(isTexts(accepted) ? { accepted } : {}),
  };
}

function decodeMark(fields: Fields, place: Place): MarkEntry | undefined {
  const { epoch, scope, from, parkedFrom, parkedTopicId, type, id, reason, error, atMs, command } = fields;
  const key = decodeKey(fields['key']);
  if (!isCount(epoch) || key === undefined || (scope !== 'key' && scope !== 'task')) return undefined;
  if (!isCount(from) || !isCount(parkedFrom) || !isCount(atMs) || !isParkReason(reason)) return undefined;
  if (typeof type !== 'string' || typeof id !== 'string') return undefined;
  if (typeof error !== 'string' || typeof command !== 'string') return undefined;
  return {
    kind: 'mark',
    ...place,
    epoch,
    key,
    scope,
    from,
    parkedFrom,
    ...(typeof parkedTopicId === 'string' ? { parkedTopicId } : {}),
    type,
    id,
    reason,
    error,
    atMs,
    command,
  };
}

function decodeVerb(fields: Fields): Verb | undefined {
  const { verb: name, type, of, taskId, below, mark, offset, topicId, statePin } = fields;
  switch (name) {
    case 'park':
    case 'hold':
    case 'release':
      return { name };
    case 'hold-type':
      if (typeof type !== 'string') return undefined;
      return typeof of === 'string' ? { name, type, of } : { name, type };
    case 'release-type':
      return typeof type === 'string' ? { name, type } : undefined;
    case 'skip':
      return typeof taskId === 'string' && isCount(below) ? { name, taskId, below } : undefined;
    case 'redrive':
    case 'discard':
      return isCount(mark) ? { name, mark } : undefined;
    case 'discard-task':
      return isCount(mark) && isCount(offset) ? { name, mark, offset } : undefined;
    case 'accept-loss':
      if (!isCount(below) || typeof topicId !== 'string' || typeof statePin !== 'string') return undefined;
      return { name, below, topicId, statePin };
    default:
      return undefined;
  }
}

const parkReasons: Readonly<Record<ParkReason, true>> = {
  'gave-up': true,
  asked: true,
  undecodable: true,
  'crash-loop': true,
  operator: true,
};

/** Whether it is one of the reasons that this version knows. */
export function isParkReason(value: unknown): value is ParkReason {
  return typeof value === 'string' && Object.hasOwn(parkReasons, value);
}

function decodeKey(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return atob(value);
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isOffsetOrNone(value: unknown): value is number {
  return value === -1 || isCount(value);
}
