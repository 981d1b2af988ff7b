import { commitMutations } from './mutate-commits.ts';
import { deliveryMutations } from './mutate-delivery.ts';
import { endMutations, epochMutations, orderMutations, rerunMutations } from './mutate-runs.ts';
import type { Mutation } from './mutation.ts';

/** Every way to break a history that the checker must see. */
export const mutations: readonly Mutation[] = [
  ...commitMutations,
  ...deliveryMutations,
  ...orderMutations,
  ...epochMutations,
  ...rerunMutations,
  ...endMutations,
];
