import { S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { OptionsError } from '../errors/options-error.ts';
import { resolveS3Options } from './s3-options.ts';

const client = new S3Client({ region: 'eu-central-1' });
const resolved = {
  client,
  bucket: 'bodies',
  prefix: '',
  name: 's3',
  partBytes: 5 * 1024 * 1024,
  maxParts: 4,
};

it('has defaults for what is left out, and for what is given as undefined', () => {
  expect(resolveS3Options({ client, bucket: 'bodies' })).toEqual(resolved);
  const left: object = { prefix: undefined, name: undefined, partBytes: undefined, maxParts: undefined };
  expect(resolveS3Options({ client, bucket: 'bodies', ...left })).toEqual(resolved);
});

it('takes what is given', () => {
  const given = {
    client,
    bucket: 'b',
    prefix: 'keylane/',
    name: 'eu',
    partBytes: 6 * 1024 * 1024,
    maxParts: 2,
  };
  expect(resolveS3Options(given)).toEqual(given);
});

it('tells of everything that is wrong, at once', () => {
  const wrong: object = {
    client: {},
    bucket: '',
    prefix: '/x',
    name: 'A',
    partBytes: 1,
    maxParts: 0,
    region: 'eu',
  };
  const error = catchFrom(() => resolveS3Options({ client, bucket: 'b', ...wrong }));
  expect(error).toBeInstanceOf(OptionsError);
  expect((error as OptionsError).problems.map(({ path }) => path)).toEqual([
    'client',
    'bucket',
    'prefix',
    'name',
    'partBytes',
    'maxParts',
    'region',
  ]);
});

function catchFrom(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}
