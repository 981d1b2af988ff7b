import { describe, expect, it } from 'vitest';
import { Parked, type ParkedStage } from './parked.ts';

/** Every stage, by a way that leads there, and what may follow it. */
const stages: readonly (readonly [readonly ParkedStage[], readonly ParkedStage[]])[] = [
  [['marking'], ['parked']],
  [['marking', 'parked'], ['settling']],
  [
    ['marking', 'parked', 'settling'],
    ['redriving', 'clearing'],
  ],
  [
    ['marking', 'parked', 'settling', 'redriving'],
    ['failing', 'clearing'],
  ],
  [['marking', 'parked', 'settling', 'redriving', 'failing'], ['parked']],
  [['marking', 'parked', 'settling', 'clearing'], ['cleared']],
  [['marking', 'parked', 'settling', 'clearing', 'cleared'], []],
];

function movedAlong(way: readonly ParkedStage[]): Parked {
  const parked = new Parked({ key: 'k', scope: 'key', from: 3, stage: 'marking' });
  for (const stage of way.slice(1)) parked.move(stage);
  return parked;
}

describe('the life of a mark', () => {
  it.each(stages)('after %j goes on to %j and to nothing else', (way, following) => {
    const last = way.at(-1);
    for (const [others] of stages) {
      const to = others.at(-1) ?? 'marking';
      if (following.includes(to)) {
        const parked = movedAlong(way);
        parked.move(to);
        expect(parked.stage).toBe(to);
      } else {
        expect(() => movedAlong(way).move(to)).toThrow(`the mark of key k cannot go from ${last} to ${to}`);
      }
    }
  });

  it('is an end from the command to redrive or discard it until it is parked again', () => {
    const ending = stages.map(([way]) => [way.at(-1), movedAlong(way).isEnding]);
    expect(ending).toEqual([
      ['marking', false],
      ['parked', false],
      ['settling', true],
      ['redriving', true],
      ['failing', true],
      ['clearing', true],
      ['cleared', true],
    ]);
  });
});
