import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandOutput,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Clock } from '../clock/clock.ts';
import { type LinkedSignal, linkSignals, withTimeLimit } from '../clock/linked-signal.ts';
import { untilAborted } from '../clock/until-aborted.ts';
import { PartBuffers } from '../producer/upload/part-buffers.ts';
import { Places } from '../producer/upload/places.ts';
import { gather, type Piece } from './gather.ts';
import { keepTrying } from './keep-trying.ts';
import { isOver, mayPass } from './s3-errors.ts';

/** A server that is down, or started again, is waited for so long. */
const TRY_MS = 60_000;

/** A request that says what to do, or asks. */
const ASK_MS = 15_000;

/** A request with a part: a link of use sends one in less, a slow one in the second or third try. */
const PART_MS = 30_000;

/** Putting the parts together takes a service seconds, and may take minutes. */
const COMPLETE_MS = 75_000;

/** What was begun is taken back, as far as that is done in so long. */
const TAKE_BACK_MS = 5_000;

interface S3UploadsOptions {
  readonly client: S3Client;
  readonly bucket: string;
  readonly partBytes: number;
  readonly maxParts: number;
  readonly clock: Clock;
}

/** What the uploads to one bucket share: the memory of their parts, and how many of those are sent at once. */
export class S3Uploads {
  readonly client: S3Client;
  readonly bucket: string;
  readonly partBytes: number;
  readonly buffers = new PartBuffers();
  readonly places: Places;
  readonly clock: Clock;

  constructor({ client, bucket, partBytes, maxParts, clock }: S3UploadsOptions) {
    this.client = client;
    this.bucket = bucket;
    this.partBytes = partBytes;
    this.places = new Places(maxParts);
    this.clock = clock;
  }
}

/** Writes one object: in one request when it is small, else in parts, each sent again for a while when that fails. */
export class S3Upload {
  readonly #shared: S3Uploads;
  readonly #where: { readonly Bucket: string; readonly Key: string };
  /** Aborted with the first failure. */
  readonly #failing = new AbortController();
  readonly #linked: LinkedSignal;
  readonly #open = new Set<Promise<void>>();
  /** What was begun without an answer in time, until that is taken back. They never reject. */
  readonly #givenUp: Promise<void>[] = [];
  readonly #parts: CompletedPart[] = [];
  #bytes = 0;

  constructor(shared: S3Uploads, key: string, signal: AbortSignal) {
    this.#shared = shared;
    this.#where = { Bucket: shared.bucket, Key: key };
    this.#linked = linkSignals(signal, this.#failing.signal);
  }

  async run(content: AsyncIterable<Uint8Array>): Promise<void> {
    const { buffers, partBytes } = this.#shared;
    const end = buffers.use();
    let uploadId: string | undefined;
    try {
      for await (const piece of gather(content, partBytes, buffers)) {
        this.#linked.signal.throwIfAborted();
        if (uploadId === undefined && piece.isLast) {
          await this.#putWhole(piece);
          return;
        }
        uploadId ??= await this.#begin();
        await this.#send(piece, uploadId);
      }
      await Promise.all(this.#open);
      this.#linked.signal.throwIfAborted();
      if (uploadId !== undefined) await this.#complete(uploadId);
    } catch (error) {
      this.#failing.abort(error);
      await Promise.all(this.#open); // they never reject, and are aborted
      if (uploadId !== undefined) await this.#takeBack(uploadId);
      await Promise.all(this.#givenUp);
      throw this.#failing.signal.reason;
    } finally {
      this.#linked.unlink();
      end();
    }
  }

  async #putWhole({ bytes, memory }: Piece): Promise<void> {
    const leave = await this.#shared.places.enter(this.#linked.signal);
    try {
      await this.#try(PART_MS, (abortSignal) =>
        this.#shared.client.send(new PutObjectCommand({ ...this.#where, Body: bytes }), { abortSignal }),
      );
    } finally {
      leave();
      this.#shared.buffers.giveBack(memory);
    }
  }

  async #begin(): Promise<string> {
    const { UploadId } = await this.#try(ASK_MS, (signal) => this.#create(signal));
    if (UploadId === undefined) throw new Error('the store began an upload and gave it no id');
    return UploadId;
  }

  /** When it is given up its answer is still waited for, for a while: nobody else would know the id. */
  async #create(signal: AbortSignal): Promise<CreateMultipartUploadCommandOutput> {
    const { client, clock } = this.#shared;
    const patience = new AbortController();
    const creating = client.send(new CreateMultipartUploadCommand(this.#where), {
      abortSignal: patience.signal,
    });
    try {
      return await untilAborted(creating, signal);
    } catch (error) {
      const timer = clock.setTimer(TAKE_BACK_MS, () => patience.abort());
      const takenBack = creating
        .then(
          ({ UploadId }) => (UploadId === undefined ? undefined : this.#takeBack(UploadId)),
          () => {},
        )
        .finally(() => timer.clear());
      this.#givenUp.push(takenBack);
      throw error;
    }
  }

  /** Resolves when it is on its way. */
  async #send({ bytes, memory }: Piece, UploadId: string): Promise<void> {
    const { client, places, buffers } = this.#shared;
    const leave = await places.enter(this.#linked.signal);
    this.#bytes += bytes.length;
    const PartNumber = this.#parts.push({}); // from 1
    const command = { ...this.#where, UploadId, PartNumber, Body: bytes };
    const sent = this.#try(PART_MS, (abortSignal) =>
      client.send(new UploadPartCommand(command), { abortSignal }),
    )
      .then(
        ({ ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 }) => {
          // Those that the client has made and the store confirmed are wanted again at the end.
          const checksums = {
            ChecksumCRC32,
            ChecksumCRC32C,
            ChecksumCRC64NVME,
            ChecksumSHA1,
            ChecksumSHA256,
          };
          this.#parts[PartNumber - 1] = { PartNumber, ETag, ...checksums };
        },
        (error: unknown) => this.#failing.abort(error),
      )
      .finally(() => {
        this.#open.delete(sent);
        leave();
        buffers.giveBack(memory);
      });
    this.#open.add(sent);
  }

  async #complete(UploadId: string): Promise<void> {
    const command = { ...this.#where, UploadId, MultipartUpload: { Parts: this.#parts } };
    try {
      await this.#try(COMPLETE_MS, (abortSignal) =>
        this.#shared.client.send(new CompleteMultipartUploadCommand(command), { abortSignal }),
      );
    } catch (error) {
      if (!isOver(error) || !(await this.#isThere())) throw error;
      // An earlier try has done it, and its answer was lost.
    }
  }

  async #isThere(): Promise<boolean> {
    const { ContentLength } = await this.#try(ASK_MS, (abortSignal) =>
      this.#shared.client.send(new HeadObjectCommand(this.#where), { abortSignal }),
    );
    return ContentLength === this.#bytes;
  }

  /** What is left then, the bucket's rule for incomplete uploads deletes. */
  async #takeBack(UploadId: string): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.#where, UploadId });
    const { client, clock } = this.#shared;
    await withTimeLimit({ ms: TAKE_BACK_MS, clock }, (abortSignal) =>
      client.send(command, { abortSignal }),
    ).catch(() => {});
  }

  #try<T>(eachMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#shared;
    return keepTrying(act, { forMs: TRY_MS, eachMs, signal: this.#linked.signal, mayPass, clock });
  }
}
