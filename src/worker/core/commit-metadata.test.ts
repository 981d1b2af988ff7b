import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommitState,
  decodeMetadata,
  encodeMetadata,
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
      frontier: fc
        .oneof(
          fc.nat(2 ** 20),
          fc.maxSafeNat().map((n) => n >> 1),
        )
        .map(Math.abs),
      epoch: fc.nat(2 ** 40),
      clean: fc.boolean(),
      statePin: fc.constantFrom('', 'abcdefghijklmnopqrstuv', '0b1e-_AZ'),
      tail: fc.nat(1_000),
      ahead: fc.nat(65_536),
      lanes: fc.uniqueArray(lane, { maxLength: maxLanes, selector: ({ hash }) => hash }),
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

/** Whether a state says that this task of a key is finished. */
function saysFinished(state: CommitState, hash: string, offset: number): boolean {
  if (offset >= state.doneBelow) return false;
  return !state.lanes.some((lane) => lane.hash === hash && offset >= lane.offset) && offset >= 0;
}

describe('commit metadata', () => {
  it('is read as it was written when it fits', () => {
    fc.assert(
      fc.property(states(60), (state) => {
        const { text, doneBelow } = encodeMetadata(state);
        expect(text.length).toBeLessThanOrEqual(METADATA_LIMIT);
        expect(doneBelow).toBe(state.doneBelow);
        expect(decoded(text, state.frontier)).toEqual(state);
      }),
    );
  });

  it('says less when not everything fits, and never more', () => {
    fc.assert(
      fc.property(states(1_200), fc.infiniteStream(fc.nat()), (state, chance) => {
        const { text, doneBelow } = encodeMetadata(state);
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
        for (const lane of state.lanes) {
          expect(saysFinished(read, lane.hash, lane.offset)).toBe(false);
          const other = state.frontier + (chance.next().value % (state.doneBelow - state.frontier + 10));
          for (const hash of [lane.hash, 'other']) {
            if (saysFinished(read, hash, other)) expect(saysFinished(state, hash, other)).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
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

  it('holds some 500 neighbouring keys, and 230 wherever they are', () => {
    const near = (count: number): CommitState => ({
      ...plain,
      doneBelow: 100 + count,
      lanes: Array.from({ length: count }, (_, i) => ({
        hash: keyHash(String(i)),
        offset: 100 + i,
        ...never,
      })),
    });
    expect(metadataFits(near(500))).toBe(true);
    expect(metadataFits(near(600))).toBe(false);
    expect(LANES_THAT_ALWAYS_FIT).toBeGreaterThanOrEqual(200);
    // The worst there is: everything as long as it can be.
    const step = Math.floor(Number.MAX_SAFE_INTEGER / (LANES_THAT_ALWAYS_FIT + 1));
    const lanes = Array.from({ length: LANES_THAT_ALWAYS_FIT }, (_, i) => ({
      hash: keyHash(String(i)),
      offset: step * (i + 1),
      ...never,
    }));
    const far = { ...plain, frontier: 0, epoch: Number.MAX_SAFE_INTEGER, lanes };
    const end = Number.MAX_SAFE_INTEGER;
    expect(metadataFits({ ...far, doneBelow: end, horizon: end })).toBe(true);
  });

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
    const lanes = Array.from({ length: 600 }, (_, i) => {
      return { hash: keyHash(`key ${i}`), offset: 100 + i, ...never, starts: i < 64 ? 1 : 0 };
    });
    let fullest = 0;
    for (let epoch = 30; epoch < 100; epoch += 1) {
      const statePin = 'x'.repeat(epoch % 23);
      for (let count = 540; count < 570; count += 1) {
        const doneBelow = 100 + count;
        const horizon = doneBelow + 65_536;
        const state = { ...plain, epoch, statePin, doneBelow, horizon, lanes: lanes.slice(0, count) };
        if (!metadataFits(state)) continue;
        const written = encodeMetadata(state);
        expect(written.doneBelow).toBe(doneBelow);
        fullest = Math.max(fullest, written.text.length);
      }
    }
    expect(fullest).toBeGreaterThan(METADATA_LIMIT - 10);
  });

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

  it('is not said to be too long long before it is', () => {
    const lanes = Array.from({ length: 400 }, (_, i) => ({
      hash: keyHash(String(i)),
      offset: 100 + i * 2_000,
      ...never,
    }));
    expect(metadataFits({ ...plain, doneBelow: 1_000_000, lanes })).toBe(true);
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
      fc.property(states(40), fc.nat(), fc.nat(6), (state, place, bit) => {
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
      fc.property(states(40), states(40), fc.nat(), fc.nat(), (state, other, cut, join) => {
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
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, ours) => {
        expect(decodeMetadata(ours ? `kl1.${text}` : text, 5).kind).not.toBe('state');
      }),
    );
  });
});
