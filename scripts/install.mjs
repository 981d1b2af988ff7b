import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { howToGet, missing, nodeHeaders, TO_BUILD } from './prerequisites.mjs';
import { ROOT, runQuietly } from './processes.mjs';

const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.keylane-installed');
const CLIENT = '@confluentinc/kafka-javascript';

/** A prebuilt client has some 10 MB; a network that takes longer than this for it is taken for one that blocks it. */
const DOWNLOAD_LIMIT_MS = 90_000;

/**
 * Installs the packages of the lock file and the Kafka client's native part, unless that was done before for this lock
 * file and this Node. Throws an Error in plain words when it cannot.
 */
export async function installPackages() {
  const wanted = stamp();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  if (!(matchesLockFile() && (await clientLoads()))) {
    await installFromLockFile();
    if (!(await clientLoads())) await installClient();
  }
  writeFileSync(STAMP, wanted);
}

function stamp() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const node = `${process.platform} ${process.arch} ${process.versions.modules}`;
  return `${createHash('sha256').update(lock).digest('hex')} ${node}\n`;
}

/** Whether npm has put in place just what the lock file says, by npm's own list of what it installed. */
function matchesLockFile() {
  const installed = join(MODULES, '.package-lock.json');
  if (!existsSync(installed)) return false;
  const there = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || there[path]?.version === entry.version,
  );
}

async function installFromLockFile() {
  console.log('Installing packages (npm ci)...');
  // Without install scripts: the client's would try a download and then a build that needs another one. See below.
  const { code, output } = await runQuietly('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (code !== 0) throw new Error(`npm ci failed:\n${output}`);
}

async function clientLoads() {
  return (await runQuietly(process.execPath, ['-e', `require(${JSON.stringify(CLIENT)})`])).code === 0;
}

/** The client's native part: the prebuilt one where there is one and it can be had, else built from the package. */
async function installClient() {
  console.log('Fetching the prebuilt Kafka client...');
  const tool = join(MODULES, '@mapbox/node-pre-gyp/bin/node-pre-gyp');
  const cwd = join(MODULES, CLIENT);
  const download = await runQuietly(process.execPath, [tool, 'install'], { cwd, timeout: DOWNLOAD_LIMIT_MS });
  if (download.code === 0 && (await clientLoads())) return;

  const lacking = missing(TO_BUILD);
  if (lacking.length > 0) {
    throw new Error(
      `The prebuilt Kafka client cannot be had here, and to build it this is missing:\n${howToGet(lacking)}`,
    );
  }
  console.log('It cannot be had here. Building the Kafka client, which takes a minute or two, once...');
  const build = await runQuietly('npm', ['rebuild', CLIENT], { env: buildEnvironment() });
  if (build.code === 0 && (await clientLoads())) return;
  throw new Error(`Building the Kafka client failed:\n${build.output.slice(-6_000)}`);
}

function buildEnvironment() {
  const headers = nodeHeaders();
  return {
    ...process.env,
    // The default, a static build, downloads the libraries that this one takes from the system.
    CKJS_LINKING: process.env.CKJS_LINKING ?? 'dynamic',
    npm_config_build_from_source: CLIENT,
    ...(headers === undefined ? {} : { npm_config_nodedir: headers }),
  };
}
