import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommitState,
  decodeMetadata,
  encodeMetadata,
  HORIZON_MAX,
  LANES_THAT_ALWAYS_FIT,
  METADATA_LIMIT,
  metadataFits,
  type UnfinishedLane,
} from './commit-metadata.ts';
import { keyHash } from './key-hash.ts';

const plain: CommitState = {
  frontier: 100,
  epoch: 7,
  clean: false,
  statePin: 'abcdefghijklmnopqrstuv',
  doneBelow: 100,
  horizon: 100,
  lanes: [],
};

const never = { attempts: 0, firstFailedAtMs: undefined, starts: 0 };

/** States as an owner makes them: lanes lie in [frontier, doneBelow), a hash is listed once. */
function states(maxLanes: number): fc.Arbitrary<CommitState> {
  const lane = fc.record({
    hash: fc.nat().map((n) => keyHash(`key ${n}`)),
    gap: fc.nat(2 ** 20),
    attempts: fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: 0 }),
    firstFailedAtMs: fc.integer({ min: 1_700_000_000_000, max: 2_000_000_000_000 }),
    starts: fc.nat(2),
  });
  return fc
    .record({
      frontier: fc.oneof(fc.nat(2 ** 20), fc.nat(2 ** 52)),
      epoch: fc.nat(2 ** 40),
      clean: fc.boolean(),
      statePin: fc.constantFrom('', 'abcdefghijklmnopqrstuv', '0b1e-_AZ'),
      tail: fc.nat(1_000),
      ahead: fc.nat(65_536),
      leaderEpoch: fc.option(fc.nat(2 ** 31 - 1), { nil: undefined }),
      // Left to itself fast-check makes ten at most.
      lanes: fc.uniqueArray(lane, { maxLength: maxLanes, size: 'max', selector: ({ hash }) => hash }),
    })
    .map(({ tail, ahead, lanes: given, ...state }) => {
      let offset = state.frontier;
      const lanes = given.map(({ gap, attempts, firstFailedAtMs, hash, starts }, i): UnfinishedLane => {
        if (i > 0) offset += 1 + gap;
        const failedAtMs = attempts > 0 ? firstFailedAtMs : undefined;
        return { hash, offset, attempts, firstFailedAtMs: failedAtMs, starts };
      });
      const doneBelow = (lanes.length > 0 ? offset + 1 : offset) + tail;
      return { ...state, lanes, doneBelow, horizon: doneBelow + ahead };
    });
}

function decoded(text: string, offset: number): CommitState {
  const read = decodeMetadata(text, offset);
  if (read.kind !== 'state') throw new Error(`read as ${read.kind}`);
  return read.state;
}

/** Says whether this task of a key is finished. */
function finishedBy(state: CommitState): (hash: string, offset: number) => boolean {
  const unfinished = new Map(state.lanes.map(({ hash, offset }) => [hash, offset]));
  return (hash, offset) => offset < state.doneBelow && offset < (unfinished.get(hash) ?? state.doneBelow);
}

/** In an order that has nothing to do with their offsets, as owners give them. */
function mixed(state: CommitState): CommitState {
  return { ...state, lanes: [...state.lanes].sort((a, b) => (a.hash < b.hash ? -1 : 1)) };
}

/** So many keys, so far from each other, all below X. */
function spread(count: number, distance = 1): CommitState {
  const lanes = Array.from({ length: count }, (_, i) => {
    return { hash: keyHash(`key ${i}`), offset: 100 + i * distance, ...never };
  });
  const doneBelow = 100 + count * distance;
  return { ...plain, lanes, doneBelow, horizon: doneBelow };
}

/** The highest number for which it holds; it must hold for all below. */
function highest(holds: (n: number) => boolean): number {
  let n = 0;
  while (holds(n + 1)) n += 1;
  return n;
}

describe('commit metadata', () => {
  it('is read as it was written when it fits', () => {
    fc.assert(
      fc.property(states(60), (state) => {
        const { text, doneBelow } = encodeMetadata(mixed(state));
        expect(text.length).toBeLessThanOrEqual(METADATA_LIMIT);
        expect(doneBelow).toBe(state.doneBelow);
        expect(decoded(text, state.frontier)).toEqual(state);
      }),
    );
  });

  it('says less when not everything fits, and never more', () => {
    fc.assert(
      fc.property(states(1_200), fc.infiniteStream(fc.nat()), (state, chance) => {
        const { text, doneBelow } = encodeMetadata(mixed(state));
        expect(text.length).toBeLessThanOrEqual(METADATA_LIMIT);
        const read = decoded(text, state.frontier);
        expect(read).toMatchObject({
          frontier: state.frontier,
          epoch: state.epoch,
          clean: state.clean,
          horizon: state.horizon,
          doneBelow,
        });
        expect(read.doneBelow).toBeLessThanOrEqual(state.doneBelow);
        expect(read.doneBelow).toBeGreaterThanOrEqual(state.frontier);
        const readFinished = finishedBy(read);
        const finished = finishedBy(state);
        const wrong: unknown[] = [];
        for (const lane of state.lanes) {
          if (readFinished(lane.hash, lane.offset)) wrong.push(lane);
          const other = state.frontier + (chance.next().value % (state.doneBelow - state.frontier + 10));
          for (const hash of [lane.hash, 'other']) {
            if (readFinished(hash, other) && !finished(hash, other)) wrong.push({ hash, other });
          }
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('says as much as there is room for', () => {
    const all = spread(1_000);
    const { text, doneBelow } = encodeMetadata(all);
    const { lanes } = decoded(text, 100);
    expect(lanes).toEqual(all.lanes.slice(0, doneBelow - 100));
    expect(text.length).toBeGreaterThan(METADATA_LIMIT - 8); // one more takes seven
  });

  it('leaves attempts out before it leaves keys or the starts of suspects out', () => {
    const lanes = Array.from({ length: 300 }, (_, i) => ({
      hash: keyHash(`key ${i}`),
      offset: 100 + i,
      attempts: 3,
      firstFailedAtMs: 1_700_000_000_000,
      starts: i % 10 === 0 ? 1 : 0,
    }));
    const { text, doneBelow } = encodeMetadata({ ...plain, doneBelow: 400, lanes });
    expect(doneBelow).toBe(400);
    const read = decoded(text, 100);
    expect(read.lanes.map(({ hash, offset, starts }) => [hash, offset, starts])).toEqual(
      lanes.map(({ hash, offset, starts }) => [hash, offset, starts]),
    );
    expect(new Set(read.lanes.map(({ attempts }) => attempts))).toEqual(new Set([0]));
  });

  it('holds some 500 neighbouring keys', () => {
    expect(metadataFits(spread(500))).toBe(true);
    expect(metadataFits(spread(600))).toBe(false);
  });

  it('holds 245 keys wherever they are, with everything else as long as it can be, and no more', () => {
    const end = Number.MAX_SAFE_INTEGER;
    const farthest = (count: number): CommitState => ({
      ...spread(count, Math.floor(end / count)),
      frontier: 0,
      epoch: end,
      doneBelow: end,
      horizon: end,
    });
    expect(LANES_THAT_ALWAYS_FIT).toBe(245);
    expect(metadataFits(farthest(245))).toBe(true);
    expect(metadataFits(farthest(246))).toBe(false);
  });

  it.each([1, 7, 36, 1_000, 36 ** 3, 2 ** 30])(
    'is said to fit only when it does, and no sooner not to fit than it has to be, with a key every %d offsets',
    (distance) => {
      const count = highest((n) => metadataFits(spread(n, distance)));
      const state = spread(count, distance);
      const horizon = state.doneBelow + HORIZON_MAX;
      const lanes = state.lanes.map((lane, i) => ({ ...lane, starts: i < 32 ? 2 : 0 }));
      expect(encodeMetadata({ ...state, horizon, lanes }).doneBelow).toBe(state.doneBelow);
      const more = spread(Math.ceil(count * 1.15), distance);
      expect(encodeMetadata(more).doneBelow).toBeLessThan(more.doneBelow);
    },
  );

  it('fits for good once it fits: also when its keys move on to later tasks', () => {
    fc.assert(
      fc.property(states(700), fc.infiniteStream(fc.nat()), (state, chance) => {
        fc.pre(metadataFits(state));
        expect(encodeMetadata(state).doneBelow).toBe(state.doneBelow);
        const lanes = state.lanes.flatMap((lane) => {
          const offset = lane.offset + (chance.next().value % (state.doneBelow - lane.offset + 1));
          return offset < state.doneBelow ? [{ ...lane, offset }] : [];
        });
        const frontier = Math.min(state.doneBelow, ...lanes.map(({ offset }) => offset));
        expect(encodeMetadata({ ...state, frontier, lanes }).doneBelow).toBe(state.doneBelow);
      }),
      { numRuns: 100 },
    );
  });

  it('fits to the last character once it fits, however long its checksum turns out', () => {
    let fullest = 0;
    for (let epoch = 30; epoch < 100; epoch += 1) {
      const statePin = 'x'.repeat(epoch % 23);
      for (let count = 540; count < 570; count += 1) {
        const state = { ...spread(count), epoch, statePin, leaderEpoch: 2 ** 31 - 1 };
        if (!metadataFits(state)) continue;
        const lanes = state.lanes.map((lane, i) => ({ ...lane, starts: i < 64 ? 1 : 0 }));
        const written = encodeMetadata({ ...state, lanes, horizon: state.doneBelow + HORIZON_MAX });
        expect(written.doneBelow).toBe(state.doneBelow);
        fullest = Math.max(fullest, written.text.length);
      }
    }
    expect(fullest).toBe(METADATA_LIMIT);
  });

  it.each([0, 3])(
    'fills its room to the last character before it leaves anything out (%d tries)',
    (attempts) => {
      const { lanes, ...state } = spread(200);
      const failed = lanes.map((lane) => {
        return { ...lane, attempts, firstFailedAtMs: attempts > 0 ? 1_700_000_000_000 : undefined };
      });
      const room = METADATA_LIMIT - encodeMetadata({ ...state, statePin: '', lanes: failed }).text.length;
      let longest = 0;
      for (let epoch = 36; epoch < 66; epoch += 1) {
        for (let more = -2; more <= 2; more += 1) {
          const given = { ...state, epoch, statePin: 'x'.repeat(room + more), lanes: failed };
          const { text, doneBelow } = encodeMetadata(given);
          const isAllSaid =
            doneBelow === state.doneBelow && decoded(text, 100).lanes[0]?.attempts === attempts;
          if (isAllSaid) longest = Math.max(longest, text.length);
        }
      }
      expect(longest).toBe(METADATA_LIMIT);
    },
  );

  it('has room left for the starts of 32 suspects, and for a horizon as far as it goes', () => {
    fc.assert(
      fc.property(states(700), (given) => {
        const state = { ...given, lanes: given.lanes.map((lane) => ({ ...lane, starts: 0 })) };
        fc.pre(metadataFits(state));
        const lanes = state.lanes.map((lane, i) => ({ ...lane, starts: i < 32 ? 2 : 0 }));
        const fuller = { ...state, lanes, horizon: state.doneBelow + 65_536 };
        expect(encodeMetadata(fuller).doneBelow).toBe(state.doneBelow);
        expect(metadataFits(fuller)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('leaves no room for more than one horizon: what lies further ahead is counted as it is', () => {
    const state = spread(highest((n) => metadataFits(spread(n))));
    expect(metadataFits({ ...state, horizon: state.doneBelow + HORIZON_MAX })).toBe(true);
    expect(metadataFits({ ...state, horizon: 2 ** 52 })).toBe(false);
  });

  it('counts every start of a suspect', () => {
    const state = spread(highest((n) => metadataFits(spread(n))));
    const started = (count: number) => state.lanes.map((lane, i) => ({ ...lane, starts: i < count ? 1 : 0 }));
    expect(metadataFits({ ...state, lanes: started(64) })).toBe(true);
    expect(metadataFits({ ...state, lanes: started(128) })).toBe(false);
  });

  it('is text that other releases of this format read', () => {
    const state: CommitState = {
      frontier: 1_000,
      epoch: 71,
      clean: false,
      statePin: 'abc-_9',
      doneBelow: 1_100,
      horizon: 1_200,
      lanes: [
        { hash: 'aaaaa', offset: 1_000, attempts: 0, firstFailedAtMs: undefined, starts: 2 },
        { hash: 'bbbbb', offset: 1_050, attempts: 40, firstFailedAtMs: 1_700_000_000_000, starts: 1 },
      ],
    };
    const text = 'kl1.nt3813.1z.u.abc-_9.2s.5k.aaaaa0!!,bbbbb1e!~14~loyw3v28,';
    expect(encodeMetadata(state).text).toBe(text);
    expect(decoded(text, 1_000)).toEqual(state);
    const end = { ...state, clean: true, lanes: [] };
    expect(encodeMetadata(end).text).toBe('kl1.axigxk.1z.c.abc-_9.2s.5k.');
  });
});

describe('metadata that is not as it was written', () => {
  it.each([
    ['nothing', '', 'foreign'],
    ["somebody's note", 'reset by ops', 'foreign'],
    ['JSON', '{"kl":1}', 'foreign'],
    ['a later release', 'kl2.abc.def', 'damaged'],
    ['our prefix alone', 'kl1.', 'damaged'],
    ['no body', 'kl1.abc', 'damaged'],
    ['too few fields', 'kl1.abc.a.b.c.d.e', 'damaged'],
  ])('%s is told apart', (_what, text, kind) => {
    expect(decodeMetadata(text, 100).kind).toBe(kind);
  });

  it.each([
    ['nothing', ''],
    ['too few fields', '0.u.pin.0.0'],
    ['too many fields', '0.u.pin.0.0..'],
    ['no epoch', '.u.pin.0.0.'],
    ['no span', '0.u.pin..0.'],
    ['no horizon', '0.u.pin.0..'],
    ['an epoch beyond all numbers', 'zzzzzzzzzzz.u.pin.0.0.'],
    ['a span beyond all numbers', '0.u.pin.zzzzzzzzzzz.0.'],
    ['a horizon beyond all numbers', '0.u.pin.0.zzzzzzzzzzz.'],
    ['a key without its distance', '0.u.pin.0.0.abcde,fghij1,'],
    ['a key without anything', '0.u.pin.0.0.abcde1,,'],
    ['a key beyond all numbers', '0.u.pin.0.0.abcdezzzzzzzzzzz,'],
    ['tries that are no number', '0.u.pin.0.0.abcde1~-~1,'],
    ['tries at a time that is none', '0.u.pin.0.0.abcde1~1~-,'],
  ])('with the right checksum, but %s, it is damaged', (_what, body) => {
    expect(decodeMetadata(withChecksum(100, body), 100)).toEqual({ kind: 'damaged' });
    expect(decodeMetadata(withChecksum(100, '0.u.pin.0.0.abcde1~1~1,'), 100).kind).toBe('state');
  });

  it('belongs to no other offset', () => {
    fc.assert(
      fc.property(states(20), fc.nat(1_000_000), (state, other) => {
        fc.pre(other !== state.frontier);
        expect(decodeMetadata(encodeMetadata(state).text, other).kind).toBe('damaged');
      }),
    );
  });

  it('is never misread after a flipped bit', () => {
    fc.assert(
      fc.property(states(10), fc.nat(), fc.nat(6), (state, place, bit) => {
        const { text } = encodeMetadata(state);
        const at = place % text.length;
        const flipped =
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
        expect(decodeMetadata(flipped, state.frontier).kind).not.toBe('state');
      }),
      { numRuns: 5_000 },
    );
  });

  it('is never misread after it was cut off, lengthened or mixed with another', () => {
    fc.assert(
      fc.property(states(10), states(10), fc.nat(), fc.nat(), (state, other, cut, join) => {
        const { text } = encodeMetadata(state);
        const { text: second } = encodeMetadata(other);
        const mixed = text.slice(0, cut % (text.length + 1)) + second.slice(join % (second.length + 1));
        fc.pre(mixed !== text && mixed !== second);
        expect(decodeMetadata(mixed, state.frontier).kind).not.toBe('state');
      }),
      { numRuns: 5_000 },
    );
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60, size: 'max' }), fc.boolean(), (text, ours) => {
        expect(decodeMetadata(ours ? `kl1.${text}` : text, 5).kind).not.toBe('state');
      }),
    );
  });
});

/** FNV-1a, written down again. */
function withChecksum(offset: number, body: string): string {
  let sum = 2_166_136_261n;
  for (const byte of Buffer.from(`${offset}.${body}`))
    sum = ((sum ^ BigInt(byte)) * 16_777_619n) & 0xffffffffn;
  return `kl1.${sum.toString(36)}.${body}`;
}
