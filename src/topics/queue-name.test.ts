import { describe, expect, it } from 'vitest';
import { queueNameProblem } from './queue-name.ts';

describe('queueNameProblem', () => {
  it.each(['recordings', 'a', 'Orders_2.eu-west', 'x'.repeat(242)])('accepts %s', (name) => {
    expect(queueNameProblem(name)).toBeUndefined();
  });

  it.each([
    ['', '1 to 242 characters'],
    ['x'.repeat(243), '1 to 242 characters'],
    ['two words', 'letters, digits'],
    ['grün', 'letters, digits'],
    ['a/b', 'letters, digits'],
    ['.', 'letters, digits'],
    ['..', 'letters, digits'],
    ['__consumer_offsets', 'two underscores'],
    ['orders.state', 'not ending in'],
    ['orders.parts', 'not ending in'],
    ['orders.parked', 'not ending in'],
  ])('refuses %j', (name, rule) => {
    expect(queueNameProblem(name)?.rule).toContain(rule);
  });
});
