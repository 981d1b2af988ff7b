/* global mutation */

/** What Stryker's instrumenter writes into the code: is this mutant the one that is active? It is asked before each one. */
export function stryMutAct_9fa48(id) {
  if (mutation.active !== id) return false;
  mutation.hits += 1;
  if (mutation.hits > mutation.hitLimit) throw new Error('the mutant does not come to an end');
  return true;
}

/** The other thing it writes: the code that these mutants would change is being run. */
export function stryCov_9fa48(...ids) {
  if (mutation.reached === undefined) return;
  for (const id of ids) mutation.reached.set(id, (mutation.reached.get(id) ?? 0) + 1);
}
