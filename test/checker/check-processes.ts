import type { History } from './history.ts';
import { at, type Violation } from './violation.ts';

/** P10: what was started came to an end. P11: nothing died, gave up or complained on its own. */
export function checkProcesses(history: History): Violation[] {
  const violations: Violation[] = history.strays.map((text) => ({ property: 'log', text }));
  for (const run of history.runs) {
    if (run.end !== 'open') continue;
    violations.push({
      property: 'P10 progress',
      text: `${run.process} started ${run.id} at ${at(run)} and never ended it`,
    });
  }
  for (const task of history.tasks.values()) {
    if (task.outcome !== 'open' || history.lives.get(task.producer)?.killedAt !== undefined) continue;
    violations.push({
      property: 'P10 progress',
      text: `the enqueue of ${task.id} by ${task.producer} was never answered`,
    });
  }
  for (const life of history.lives.values()) {
    for (const text of life.errors)
      violations.push({ property: 'P11 process', text: `${life.name}: ${text}` });
    const { exited, killedAt } = life;
    if (exited !== undefined && killedAt === undefined && exited.code !== 0) {
      violations.push({
        property: 'P11 process',
        text: `${life.name} ended by itself: code ${exited.code}, signal ${exited.signal}`,
      });
    }
    if (life.stopRequestedAt !== undefined && life.stoppedAt === undefined && killedAt === undefined) {
      violations.push({ property: 'P10 progress', text: `${life.name} was asked to stop and never did` });
    }
  }
  return violations;
}
