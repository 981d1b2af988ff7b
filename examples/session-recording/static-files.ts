import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const pageDir = fileURLToPath(new URL('./page/', import.meta.url));
const rrwebDir = dirname(createRequire(import.meta.url).resolve('rrweb'));

/** Every file the server gives out. What is not named here cannot be asked for. */
const files: Readonly<Record<string, string>> = {
  '/': join(pageDir, 'index.html'),
  '/replay': join(pageDir, 'replay.html'),
  '/page/style.css': join(pageDir, 'style.css'),
  '/page/shop.js': join(pageDir, 'shop.js'),
  '/page/recorder.js': join(pageDir, 'recorder.js'),
  '/page/uploader.js': join(pageDir, 'uploader.js'),
  '/page/replay.js': join(pageDir, 'replay.js'),
  '/page/icon.svg': join(pageDir, 'icon.svg'),
  '/rrweb/rrweb.js': join(rrwebDir, 'rrweb.js'),
  '/rrweb/style.css': join(rrwebDir, 'style.css'),
};

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface StaticFile {
  readonly contentType: string;
  readonly body: Buffer;
}

/** The file served at this path, or nothing. */
export async function staticFile(path: string): Promise<StaticFile | undefined> {
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (file === undefined) return undefined;
  return {
    contentType: contentTypes[extname(file)] ?? 'application/octet-stream',
    body: await readFile(file),
  };
}
