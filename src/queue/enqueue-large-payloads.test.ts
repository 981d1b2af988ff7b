import { describe, expect, it } from 'vitest';
import { LargeTasksRig, MIB, noise, timedQueue } from '../../test/support/large-tasks-rig.ts';
import { FedSource } from '../../test/support/upload-rig.ts';

describe('a large payload', () => {
  it('goes in parts when its record would be too large', async () => {
    await using rig = new LargeTasksRig();
    const payload = { key: 'a', text: noise(1.5 * MIB).toString('base64') };
    await Promise.all([
      rig.large.enqueue('note', payload, { id: 'large' }),
      rig.large.enqueue('note', { key: 'a' }, { id: 'next' }),
    ]);
    expect(rig.ids()).toEqual(['large', 'next']);
    const [head] = rig.heads();
    expect(head).toMatchObject({ codec: 'json+parts', body: undefined });
    expect(JSON.parse((await rig.content(head?.payloadParts)).toString())).toEqual(payload);
  });

  it('does not wait for bodies that take their time: it has less', async () => {
    const { rig, queue } = await timedQueue(); // no source is slow: time stands still
    const bodies = ['b', 'c', 'd', 'e'].map((name) => ({ name, source: new FedSource() }));
    const calls = bodies.map(({ name, source }) => {
      source.feed(noise(2 * MIB));
      return queue.enqueue('video', { key: name }, { body: source });
    });
    const text = noise(1.5 * MIB).toString('base64');
    await Promise.all(
      ['f', 'g', 'h'].map((name) => queue.enqueue('note', { key: name, text }, { id: name })),
    );
    expect(rig.ids().slice(1).toSorted()).toEqual(['f', 'g', 'h']);
    for (const { source } of bodies) source.end();
    await Promise.all(calls);
  });

  it('stays in its record when it gets small enough', async () => {
    await using rig = new LargeTasksRig();
    await rig.large.enqueue('note', { key: 'a', text: 'again and again '.repeat(200_000) });
    expect(rig.heads()).toMatchObject([{ codec: 'json+lz4f', payloadParts: undefined }]);
  });

  it('may have a body beside it, both in parts', async () => {
    await using rig = new LargeTasksRig();
    const payload = { key: 'a', text: noise(MIB).toString('base64') };
    const body = noise(MIB);
    await rig.large.enqueue('image', payload, { body });
    const [head] = rig.heads();
    expect(head).toMatchObject({ codec: 'json+parts', body: { kind: 'parts' } });
    expect(JSON.parse((await rig.content(head?.payloadParts)).toString())).toEqual(payload);
    if (head?.body?.kind === 'parts') expect((await rig.content(head.body.manifest)).equals(body)).toBe(true);
  });

  it('is refused above 16 MiB, with a word about bodies', async () => {
    await using rig = new LargeTasksRig();
    const call = rig.large.enqueue('note', { key: 'a', text: 'x'.repeat(16 * MIB) });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE', limitBytes: 16 * MIB });
    expect(String(error)).toContain("body: 'stream'");
    expect(rig.heads()).toEqual([]);
  });
});
