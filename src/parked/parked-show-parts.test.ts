import { expect, it } from 'vitest';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { contentOf, manifestOf, uploadOf } from '../../test/support/parts-rig.ts';
import { aesCodec, testKeys } from '../../test/support/test-codecs.ts';
import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { partEncoding } from '../codec/coding.ts';
import { combineCrc32c, crc32c } from '../codec/crc32c.ts';
import { encodeTask } from '../codec/envelope.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { encodePart } from '../codec/part.ts';
import type { PayloadCodec } from '../codec/payload-codec.ts';
import { CodecKeyMissingError } from '../errors/codec-errors.ts';
import type { OutgoingRecord } from '../kafka/port.ts';
import type { ParkedTask } from './parked-task.ts';

const payload = { key: 'a', n: 7, text: 'x'.repeat(3_500) };
const json = Buffer.from(JSON.stringify(payload));

/** A mark with tasks whose payloads are in parts. */
class Rig {
  readonly operator: OperatorRig;
  readonly mark: number;
  #offset = 0;

  private constructor(operator: OperatorRig) {
    this.operator = operator;
    this.mark = operator.mark('a');
  }

  static async open(codec?: PayloadCodec): Promise<Rig> {
    return new Rig(await OperatorRig.open('q', codec === undefined ? {} : { codec }));
  }

  /** Parts as they are written, others' between them; what a task's record says of them. */
  async upload({
    content = json,
    topic = 'q.parked',
    change = (all: OutgoingRecord[]): OutgoingRecord[] => all,
  } = {}): Promise<BodyManifest> {
    const own = (await uploadOf('up', content)).records;
    const [others] = (await uploadOf('other', contentOf(3, 1_000))).records;
    return this.write(
      content,
      change(own.flatMap((part) => (others === undefined ? part : [part, others]))),
      topic,
    );
  }

  write(content: Buffer, records: readonly OutgoingRecord[], topic = 'q.parked'): BodyManifest {
    const [first] = this.operator.rig.cluster.write({ topic, partition: 0 }, records);
    const from = first?.kind === 'appended' ? first.offset : -1;
    const manifest = manifestOf('up', content, { partition: 0, from, to: from + records.length - 1 });
    return topic === 'q.parked' ? { ...manifest, at: 'parked' } : manifest;
  }

  async task(payloadParts: BodyManifest, codec?: PayloadCodec): Promise<void> {
    const task = { id: 't', type: 'work', version: 1, payload: undefined, key: 'a', enqueuedAtMs: 1 };
    const { record } = await encodeTask({ ...task, payloadParts, codec }, defaultCodecLimits);
    this.#offset += 1;
    this.operator.copy(record, { mark: this.mark, offset: this.#offset });
  }

  async shown(signal?: AbortSignal): Promise<ParkedTask[]> {
    const tasks: ParkedTask[] = [];
    const options = { payload: true, ...(signal === undefined ? {} : { signal }) };
    for await (const task of this.operator.queue.parked.show({ key: 'a' }, options)) tasks.push(task);
    return tasks;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.operator[Symbol.asyncDispose]();
  }
}

it('shows payloads that are in parts, from the parked topic, or from where they were when they could not be copied', async () => {
  await using rig = await Rig.open();
  await rig.task(await rig.upload());
  await rig.task(await rig.upload({ topic: 'q.parts' }));
  const [one, other] = await rig.shown();
  expect(one).toMatchObject({ kind: 'task', payload, payloadProblem: undefined });
  expect(other).toMatchObject({ kind: 'task', payload, payloadProblem: undefined });
});

it('says of each payload whose parts cannot be had why, and goes on', async () => {
  await using rig = await Rig.open();
  const good = await rig.upload();
  await rig.task(await rig.upload({ change: (all) => all.toSpliced(2, 1) }));
  await rig.task({ ...good, to: 1_000_000_000 });
  await rig.task({ ...good, partition: 99 });
  await rig.task(
    await rig.upload({
      change: ([first, ...rest]) => [{ ...first, value: contentOf(1, 1_000) } as OutgoingRecord, ...rest],
    }),
  );
  await rig.task({ ...good, crc: 1 });
  const large = 16 * 1024 * 1024 + 1;
  await rig.task({ ...good, bytes: large, count: Math.ceil(large / 1_000), to: good.from + 20_000 });
  await rig.task(good);
  const problems = (await rig.shown()).map((task) =>
    task.kind === 'task' ? task.payloadProblem : 'no task',
  );
  expect(problems).toEqual([
    expect.stringContaining('Part 2 of 4'),
    expect.stringContaining('the log ends at offset'),
    expect.stringContaining('q.parked has 2 partitions'),
    expect.stringContaining('damaged'),
    expect.stringContaining('CRC32C of the whole'),
    expect.stringContaining('the limit is 16777216'),
    undefined,
  ]);
});

it('says of parts that were deleted since that they were', async () => {
  await using rig = await Rig.open();
  await rig.task(await rig.upload({ topic: 'q.parts' }));
  rig.operator.rig.cluster.log({ topic: 'q.parts', partition: 0 })?.deleteBefore(2);
  expect(await rig.shown()).toMatchObject([
    { payloadProblem: expect.stringContaining('begins at offset 2') },
  ]);
});

it('reads parts that went through a codec with it, and says so when its key is missing', async () => {
  const keys = testKeys('k1');
  const codec = aesCodec(keys);
  await using rig = await Rig.open(codec);
  const encoding = partEncoding(codec, { id: 't', type: 'work', key: 'a' }, 'payload');
  const records: OutgoingRecord[] = [];
  let crc = 0;
  for (let index = 0; index * 1_000 < json.length; index += 1) {
    const content = json.subarray(index * 1_000, (index + 1) * 1_000);
    const bytes = await encoding.encode(content, { upload: 'up', index });
    const coded = { by: 'aes', upload: 'up', bytes, codec: 'raw', lengthBytes: content.length } as const;
    records.push(encodePart({ upload: 'up', index, content, crc: crc32c(bytes), frame: undefined, coded }));
    crc = combineCrc32c(crc, crc32c(bytes), bytes.length);
  }
  await rig.task({ ...rig.write(json, records), crc }, codec);
  expect(await rig.shown()).toMatchObject([{ payload, payloadProblem: undefined }]);
  keys.byId.clear();
  const missing = new CodecKeyMissingError('k1').message;
  expect(await rig.shown()).toMatchObject([{ payload: undefined, payloadProblem: missing }]);
});

it('waits for a codec that does not answer until its own signal says otherwise, and tells the codec', async () => {
  const seen: AbortSignal[] = [];
  const ending = new AbortController();
  const codec: PayloadCodec = {
    name: 'slow',
    encode: (bytes) => bytes,
    decode: (_bytes, _about, signal) => {
      seen.push(signal);
      queueMicrotask(() => ending.abort(new Error('enough')));
      return new Promise(() => {});
    },
  };
  await using rig = await Rig.open(codec);
  rig.operator.copy(await rig.operator.record('a', 1), { mark: rig.mark, offset: 1 });
  await expect(rig.shown(ending.signal)).rejects.toThrow('enough');
  expect(seen.map(({ aborted }) => aborted)).toEqual([true]);
});
