import { connect } from 'node:net';
import { WireReader, WireWriter } from './wire.ts';

/** What one broker says of its cluster. */
export interface BrokerView {
  readonly brokers: readonly { readonly id: number; readonly address: string }[];
  /** Partitions without a leader, or with fewer replicas in sync than it has. */
  readonly degradedPartitions: number;
}

/** Kafka: Metadata. Of all topics, internal ones too. */
export async function askForMetadata(address: string, timeoutMs: number): Promise<BrokerView> {
  // Version 9: the last without topic ids. All topics, no auto-creation, no lists of permitted operations.
  const body = new WireWriter().uvarint(0).int8(0).int8(0).int8(0).noTags(true).bytes();
  const reader = await ask({ address, apiKey: 3, apiVersion: 9, body, timeoutMs });
  reader.int32();
  const brokers = reader.array(true, () => {
    const id = reader.int32();
    const address = `${reader.string(true)}:${reader.int32()}`;
    reader.string(true);
    reader.tags(true);
    return { id, address };
  });
  reader.string(true);
  reader.int32();
  const degraded = reader.array(true, () => {
    reader.int16();
    reader.string(true);
    reader.int8();
    const states = reader.array(true, () => readPartition(reader));
    reader.int32();
    reader.tags(true);
    return states.filter((whole) => !whole).length;
  });
  return { brokers, degradedPartitions: degraded.reduce((sum, count) => sum + count, 0) };
}

function readPartition(reader: WireReader): boolean {
  reader.int16();
  reader.int32();
  const leader = reader.int32();
  reader.int32();
  const replicas = reader.array(true, () => reader.int32());
  const inSync = reader.array(true, () => reader.int32());
  reader.array(true, () => reader.int32());
  reader.tags(true);
  return leader >= 0 && inSync.length === replicas.length;
}

/** Kafka: FindCoordinator for a group. Creates the offsets topic when it is the first; false until that is done. */
export async function askForCoordinator(address: string, timeoutMs: number): Promise<boolean> {
  const body = new WireWriter().int8(0).uvarint(2).string(true, 'keylane-warm-up').noTags(true).bytes();
  const reader = await ask({ address, apiKey: 10, apiVersion: 4, body, timeoutMs });
  reader.int32();
  const errors = reader.array(true, () => {
    reader.string(true);
    reader.int32();
    reader.string(true);
    reader.int32();
    const code = reader.int16();
    reader.string(true);
    reader.tags(true);
    return code;
  });
  return errors[0] === 0;
}

interface Question {
  readonly address: string;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly body: Buffer;
  readonly timeoutMs: number;
}

/** One request on a connection of its own, flexible headers; gives the reader of the response's body. */
function ask(question: Question): Promise<WireReader> {
  const split = question.address.lastIndexOf(':');
  const head = new WireWriter().int16(question.apiKey).int16(question.apiVersion).int32(1);
  const request = head.string(false, 'keylane-test').noTags(true).raw(question.body).bytes();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: question.address.slice(0, split),
      port: Number(question.address.slice(split + 1)),
    });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    let answer = Buffer.alloc(0);
    socket.setTimeout(question.timeoutMs, () => fail(new Error(`no answer in ${question.timeoutMs} ms`)));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
    socket.on('connect', () => socket.write(new WireWriter().int32(request.length).raw(request).bytes()));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return;
      const reader = new WireReader(answer, 8);
      reader.tags(true);
      resolve(reader);
      socket.destroy();
    });
  });
}
