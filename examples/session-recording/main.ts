import { failureText, UsageError } from './failure-text.ts';
import { parseArguments, usage } from './options.ts';
import { run } from './run.ts';

/** `npm start`: proves the recordings complete and in order, then serves the page until Ctrl-C. */
async function main(): Promise<number> {
  const options = parseArguments(process.argv.slice(2), process.env);
  if (options === 'help') {
    console.log(usage);
    return 0;
  }
  return run(options);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : 1;
  console.error(failureText(error));
}
