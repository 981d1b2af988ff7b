import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate authority made for one cluster, and what it signed. PEM texts. */
export interface Certificates {
  readonly ca: string;
  readonly broker: KeyPair;
  readonly client: KeyPair;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** The name in the client's certificate; its principal is `User:CN=keylane-client`. */
export const CLIENT_NAME = 'keylane-client';

/** Makes the certificates with openssl, in `folder`. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const ca = await newKey(folder, 'ca');
  const selfSigned = ['-x509', '-new', '-key', ca, '-days', '30', '-subj', '/CN=keylane test CA'];
  await openssl('req', ...selfSigned, '-out', join(folder, 'ca.pem'));
  return {
    ca: await readFile(join(folder, 'ca.pem'), 'utf8'),
    broker: await signed(folder, 'broker', 'keylane-broker'),
    client: await signed(folder, 'client', CLIENT_NAME),
  };
}

async function newKey(folder: string, name: string): Promise<string> {
  const path = join(folder, `${name}.key`);
  await openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', path);
  return path;
}

async function signed(folder: string, name: string, commonName: string): Promise<KeyPair> {
  const key = await newKey(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  const cert = join(folder, `${name}.pem`);
  await writeFile(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  await openssl('req', '-new', '-key', key, '-subj', `/CN=${commonName}`, '-out', request);
  const authority = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key'), '-CAcreateserial'];
  await openssl(
    'x509',
    '-req',
    '-in',
    request,
    ...authority,
    '-days',
    '30',
    '-extfile',
    extensions,
    '-out',
    cert,
  );
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

async function openssl(...options: string[]): Promise<void> {
  await run('openssl', options);
}
