import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { TaskTypeUnknownError } from '../errors/task-errors.ts';
import type { AnyTaskDefinition, TaskMap } from './task-map.ts';
import { isTaskTypeName, TASK_TYPE_NAME_RULE } from './task-type-name.ts';

/** A task definition under the name it has in the map. */
export interface RegisteredTask extends AnyTaskDefinition {
  readonly type: string;
}

/** Finds task definitions by name, for enqueueing and for records. */
export class TaskRegistry {
  /** The types' present names. */
  readonly types: readonly string[];
  readonly #byType = new Map<string, RegisteredTask>();
  readonly #byAlias = new Map<string, RegisteredTask>();

  /** @throws OptionsError when a name is not allowed, or two types claim one alias. */
  constructor(tasks: TaskMap) {
    const problems: OptionProblem[] = [];
    for (const [type, definition] of Object.entries(tasks)) {
      if (!isTaskTypeName(type)) {
        problems.push({
          path: type,
          rule: `must be named by ${TASK_TYPE_NAME_RULE}`,
          value: JSON.stringify(type),
          cure: 'Rename the type.',
        });
      }
      this.#byType.set(type, { ...definition, type });
    }
    this.types = [...this.#byType.keys()];
    for (const task of this.#byType.values()) this.#addAliases(task, problems);
    if (problems.length > 0) throw new OptionsError('the task map', problems);
  }

  /** @throws TaskTypeUnknownError, also for an alias: new tasks carry the present name. */
  forEnqueue(type: string): RegisteredTask {
    const task = this.#byType.get(type);
    if (task === undefined) throw new TaskTypeUnknownError(type, this.types, this.#byAlias.get(type)?.type);
    return task;
  }

  /** The definition for a record's type, aliases included; undefined when this process does not know it. */
  forRecord(type: string): RegisteredTask | undefined {
    return this.#byType.get(type) ?? this.#byAlias.get(type);
  }

  #addAliases(task: RegisteredTask, problems: OptionProblem[]): void {
    for (const alias of task.aliases) {
      const other = this.forRecord(alias);
      if (other === undefined) {
        this.#byAlias.set(alias, task);
        continue;
      }
      problems.push({
        path: `${task.type}.aliases`,
        rule: 'must not name another type, nor repeat an alias',
        value: `'${alias}', which is taken by '${other.type}'`,
        cure: 'A recorded task must belong to one type: remove one of the two.',
      });
    }
  }
}
