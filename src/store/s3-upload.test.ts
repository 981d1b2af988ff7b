import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { Signal } from '../../test/support/queue-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { untilAborted } from '../clock/until-aborted.ts';
import { S3Upload, S3Uploads } from './s3-upload.ts';

/** A bucket that is told what becomes of requests. */
class Rig {
  /** The upload ids that are there. */
  readonly open = new Set<string>();
  /** Answers to requests that begin an upload. */
  readonly begun: Signal<string>[] = [];
  readonly asked = new Signal();
  readonly clock = new ManualClock();
  readonly shared: S3Uploads;

  constructor() {
    const client = {
      send: (command: unknown, { abortSignal }: { abortSignal: AbortSignal }) =>
        untilAborted(this.#send(command), abortSignal), // the server has it all the same
    };
    // Nothing else of it is used.
    this.shared = new S3Uploads({
      client: client as unknown as S3Client,
      bucket: 'b',
      partBytes: 1_000,
      maxParts: 2,
      clock: this.clock,
    });
  }

  async #send(command: unknown): Promise<unknown> {
    if (command instanceof CreateMultipartUploadCommand) {
      const answer = new Signal<string>();
      this.begun.push(answer);
      this.asked.resolve();
      const UploadId = await answer.promise;
      this.open.add(UploadId);
      return { UploadId };
    }
    if (command instanceof UploadPartCommand) return { ETag: 'e' };
    if (command instanceof CompleteMultipartUploadCommand || command instanceof AbortMultipartUploadCommand) {
      this.open.delete(command.input.UploadId ?? '');
      return {};
    }
    throw new Error('nobody asks for that');
  }

  put(signal: AbortSignal): Promise<void> {
    return new S3Upload(this.shared, 'k', signal).run(content());
  }
}

async function* content(): AsyncGenerator<Buffer> {
  for (let n = 0; n < 3; n += 1) yield Buffer.alloc(1_000);
}

describe('an upload in parts', () => {
  it('that is given up while it is begun is taken back when its id comes', async () => {
    const rig = new Rig();
    const stop = new AbortController();
    const putting = rig.put(stop.signal);
    await rig.asked.promise;
    stop.abort(new Error('enough'));
    setImmediate(() => rig.begun[0]?.resolve('late'));
    await expect(putting).rejects.toThrow('enough');
    expect(rig.begun).toHaveLength(1);
    expect([...rig.open]).toEqual([]);
  });

  it('that is given up ends soon, also when no id comes', async () => {
    const rig = new Rig();
    const stop = new AbortController();
    const putting = rig.put(stop.signal);
    const ended = expect(putting).rejects.toThrow('enough');
    await rig.asked.promise;
    stop.abort(new Error('enough'));
    await rig.clock.advance(5_000);
    await ended;
    expect(rig.clock.pendingCount).toBe(0);
  });

  it('leaves nothing open when it has ended well', async () => {
    const rig = new Rig();
    const putting = rig.put(new AbortController().signal);
    await rig.asked.promise;
    rig.begun[0]?.resolve('id');
    await putting;
    expect([...rig.open]).toEqual([]);
  });
});
