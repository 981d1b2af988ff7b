import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { works } from './processes.mjs';

/**
 * What may be missing on a machine: how to notice, what it is for, and the packages that bring it, by package manager.
 * `others` is said where no package manager below is found.
 */
const NEEDS = {
  python: {
    what: 'Python 3 (node-gyp builds the Kafka client with it)',
    isThere: () => works('python3', ['--version']),
    packages: { apt: ['python3'], dnf: ['python3'], apk: ['python3'], pacman: ['python'], brew: ['python'] },
    others: 'install Python 3 so that `python3` is on the PATH',
  },
  make: {
    what: 'make',
    isThere: () => works('make', ['--version']),
    packages: { apt: ['make'], dnf: ['make'], apk: ['make', 'bash'], pacman: ['make'], brew: ['make'] },
    others: 'install GNU make (macOS: xcode-select --install)',
  },
  compiler: {
    what: 'a C++ compiler',
    isThere: () => works('c++', ['--version']) || works('g++', ['--version']),
    packages: {
      apt: ['g++'],
      dnf: ['gcc-c++'],
      apk: ['g++', 'linux-headers'],
      pacman: ['gcc'],
      brew: ['gcc'],
    },
    others: 'install g++ or clang++ (macOS: xcode-select --install)',
  },
  headers: {
    what: 'the headers of zlib and OpenSSL',
    isThere: () => compiles('#include <zlib.h>\n#include <openssl/ssl.h>\n'),
    packages: {
      apt: ['zlib1g-dev', 'libssl-dev'],
      dnf: ['zlib-devel', 'openssl-devel'],
      apk: ['zlib-dev', 'openssl-dev'],
      pacman: ['zlib', 'openssl'],
      brew: ['zlib', 'openssl@3'],
    },
    others: 'install the development packages of zlib and OpenSSL 3',
  },
  java: {
    what: 'Java 17 or newer (the tests run real Kafka brokers, but for those that KAFKA_BROKERS=host:port,... names, and an S3-compatible server)',
    isThere: () => javaVersion() >= 17,
    packages: {
      apt: ['openjdk-17-jdk-headless'],
      dnf: ['java-21-openjdk-headless'],
      apk: ['openjdk17-jre-headless'],
      pacman: ['jre-openjdk-headless'],
      brew: ['openjdk'],
    },
    others: 'install a JDK of version 17 or newer so that `java` is on the PATH',
  },
  maven: {
    what: 'Maven (fetches their jars)',
    isThere: () => works('mvn', ['--version']),
    packages: { apt: ['maven'], dnf: ['maven'], apk: ['maven'], pacman: ['maven'], brew: ['maven'] },
    others: 'install Apache Maven so that `mvn` is on the PATH',
  },
  openssl: {
    what: 'the openssl command (makes the certificates of the brokers with TLS)',
    isThere: () => works('openssl', ['version']),
    packages: {
      apt: ['openssl'],
      dnf: ['openssl'],
      apk: ['openssl'],
      pacman: ['openssl'],
      brew: ['openssl@3'],
    },
    others: 'install OpenSSL so that `openssl` is on the PATH',
  },
  chromium: {
    what: 'Chromium (the tests of the session recording example drive a real page)',
    isThere: () => chromiumPath() !== undefined,
    packages: { apt: ['chromium'], dnf: ['chromium'], apk: ['chromium'], pacman: ['chromium'] },
    others: 'install Chromium or Chrome, or set CHROMIUM_PATH to one',
  },
};

/** What building the Kafka client from its sources takes. */
export const TO_BUILD = ['python', 'make', 'compiler', 'headers'];
/** What the whole test suite takes besides. */
export const TO_TEST = ['java', 'maven', 'openssl', 'chromium'];

const MANAGERS = [
  ['apt', 'apt-get', 'apt-get install -y'],
  ['dnf', 'dnf', 'dnf install -y'],
  ['apk', 'apk', 'apk add'],
  ['pacman', 'pacman', 'pacman -S'],
  ['brew', 'brew', 'brew install'],
];

/** The names of `needs` that this machine lacks. */
export function missing(needs) {
  return needs.filter((name) => !NEEDS[name].isThere());
}

/** Says what is missing and how to get it here. */
export function howToGet(names) {
  const lines = names.map((name) => `  - ${NEEDS[name].what}`);
  const [kind, , install] = MANAGERS.find(([, command]) => works(command, ['--version'])) ?? [];
  const packaged = names.filter((name) => NEEDS[name].packages[kind] !== undefined);
  if (packaged.length > 0) {
    const root = kind !== 'brew' && process.getuid?.() !== 0 ? 'sudo ' : '';
    const packages = packaged.flatMap((name) => NEEDS[name].packages[kind]);
    lines.push(`To get it:  ${root}${install} ${packages.join(' ')}`);
  }
  const others = names.filter((name) => !packaged.includes(name));
  return [...lines, ...others.map((name) => `To get it:  ${NEEDS[name].others}`)].join('\n');
}

/** Node's own headers where its distribution brought them, so that node-gyp need not download any. */
export function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? prefix : undefined;
}

function compiles(source) {
  const compiler = works('c++', ['--version']) ? 'c++' : 'g++';
  const brew = process.platform === 'darwin' ? ['-I/opt/homebrew/opt/openssl@3/include'] : [];
  return works(compiler, ['-x', 'c++', '-fsyntax-only', ...brew, '-'], source);
}

function javaVersion() {
  const home = process.env.JAVA_HOME;
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}

/** The same places as examples/session-recording/chromium-path.ts. */
function chromiumPath() {
  const candidates = [
    process.env.CHROMIUM_PATH ?? '',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return candidates.find((path) => path !== '' && existsSync(path));
}
