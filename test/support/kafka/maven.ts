import { execFile } from 'node:child_process';
import { access, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where programs for tests are kept. */
export const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url));

/** What cannot be had without Java and Maven, and what would do as well. */
export interface Wanted {
  readonly what: string;
  readonly instead: string;
}

/** Says in plain words why something of Maven Central cannot run on this machine. */
class JavaUnavailableError extends Error {
  constructor({ what, instead }: Wanted, why: string, cause?: unknown) {
    super(
      `${what}: ${why}\n${instead} Java 17 or newer and Maven:\n` +
        '  Debian, Ubuntu:  apt-get install openjdk-17-jdk-headless maven\n' +
        '  Fedora:          dnf install java-21-openjdk-headless maven\n' +
        '  macOS:           brew install openjdk maven',
      { cause },
    );
    this.name = 'JavaUnavailableError';
  }
}

/** The command that runs Java 17 or newer. */
export async function javaCommand(wanted: Wanted): Promise<string> {
  const home = process.env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  const { stderr } = await run(java, ['-version']).catch((error: unknown) => {
    throw new JavaUnavailableError(wanted, `\`${java} -version\` does not run.`, error);
  });
  const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  if (major < 17)
    throw new JavaUnavailableError(wanted, `Java is too old (${stderr.split('\n')[0]}); 17 is needed.`);
  return java;
}

export async function classPathOf(home: string): Promise<string> {
  const lib = join(home, 'lib');
  const jars = (await readdir(lib)).filter((name) => name.endsWith('.jar')).sort();
  return jars.map((name) => join(lib, name)).join(delimiter);
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Puts the jars of these artifacts (`group:name:version`) and all that they need into `lib` of that folder. */
export async function fetchJars(home: string, wanted: Wanted, artifacts: readonly string[]): Promise<void> {
  const pom = join(home, 'pom.xml');
  await writeFile(pom, pomOf(artifacts));
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.7.1:copy-dependencies';
  const where = `-DoutputDirectory=${join(home, 'lib')}`;
  const options = ['-B', '-q', '-f', pom, goal, where, '-DincludeScope=runtime'];
  await run('mvn', options, { maxBuffer: 2 ** 26 }).catch((error: unknown) => {
    const output = outputOf(error);
    const why =
      output === undefined
        ? '`mvn` does not run.'
        : `Maven could not fetch its jars:\n${output.slice(-2000)}`;
    throw new JavaUnavailableError(wanted, why, error);
  });
}

function outputOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const stdout = 'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '';
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  return stdout + stderr === '' ? undefined : stdout + stderr;
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>keylane</groupId>
  <artifactId>for-tests</artifactId>
  <version>1</version>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`;
}
