import { describe, expect, it } from 'vitest';

import { LargeTasksRig, MIB, noise } from '../../test/support/large-tasks-rig.ts';

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
