import { describe, expect, test } from 'vitest';
import type { HandlingEntry } from './handling-log.ts';
import { judge } from './proof.ts';
import type { StoredLine } from './stored-lines.ts';

const events = (sequence: number) => [{ type: 3, timestamp: sequence, data: { at: sequence } }];
const capture = {
  name: 'visit',
  description: '',
  chunks: [0, 1, 2].map((sequence) => ({ sequence, events: events(sequence) })),
};
const stored = (sequence: number): StoredLine => ({
  kind: 'chunk',
  id: `visit-${sequence}`,
  fencingToken: '1',
  sequence,
  events: events(sequence),
});
const end: StoredLine = { kind: 'finished', id: 'visit-finished', fencingToken: '1', chunks: 3 };
const handled = (sequence: number | undefined, change: Partial<HandlingEntry> = {}): HandlingEntry => ({
  id: `visit-${sequence ?? 'finished'}`,
  sessionId: 'visit',
  sequence,
  worker: 'worker-1',
  attempt: 1,
  outcome: 'stored',
  overlapped: false,
  ...change,
});
const goodLines = [stored(0), stored(1), stored(2), end];
const goodRuns = [handled(0), handled(1), handled(2), handled(undefined)];

describe('the proof of a recording', () => {
  test('accepts what was stored once, whole and in order', () => {
    expect(judge(capture, goodLines, goodRuns)).toMatchObject({
      missing: [],
      doubled: [],
      inOrder: true,
      finished: true,
      reRuns: 0,
      proved: true,
    });
  });

  test('accepts failed runs and repeats that storage refused, and counts them', () => {
    const runs = [
      handled(0),
      handled(1, { outcome: 'failed' }),
      handled(1, { outcome: 'already-stored' }),
      handled(2),
      handled(1, { outcome: 'already-stored' }),
      handled(undefined),
    ];
    expect(judge(capture, goodLines, runs)).toMatchObject({
      failures: 1,
      reRuns: 2,
      repeatsRefused: 2,
      proved: true,
    });
  });

  test.each<[what: string, lines: readonly StoredLine[], found: object]>([
    ['a missing chunk', [stored(0), stored(2), end], { missing: [1] }],
    ['a doubled chunk', [stored(0), stored(1), stored(1), stored(2), end], { doubled: [1] }],
    [
      'a chunk doubled later',
      [stored(0), stored(1), stored(2), stored(0), end],
      { doubled: [0], inOrder: false },
    ],
    ['chunks stored in another order', [stored(0), stored(2), stored(1), end], { inOrder: false }],
    ['an end that is missing', [stored(0), stored(1), stored(2)], { finished: false }],
    ['an end that came too early', [stored(0), stored(1), end, stored(2)], { finished: false }],
    ['nothing stored at all', [], { missing: [0, 1, 2], finished: false }],
    [
      'an event that was changed',
      [stored(0), stored(1), { ...stored(2), events: events(9) } as StoredLine, end],
      {},
    ],
  ])('refuses %s', (_what, lines, found) => {
    expect(judge(capture, lines, goodRuns)).toMatchObject({ ...found, proved: false });
  });

  test.each<[what: string, runs: readonly HandlingEntry[]]>([
    ['chunks handled in another order', [handled(1), handled(0), handled(2), handled(undefined)]],
    ['an end handled before the last chunk', [handled(0), handled(1), handled(undefined), handled(2)]],
    ['two runs at once', [handled(0), handled(1, { overlapped: true }), handled(2), handled(undefined)]],
  ])('refuses %s although storage looks right', (_what, runs) => {
    expect(judge(capture, goodLines, runs)).toMatchObject({ inOrder: false, proved: false });
  });
});
