import type { CommandReport } from './command-report.ts';
import type { Control } from './control.ts';
import { parsed, schemas } from './control-options.ts';
import { type EndOptions, endMarks } from './end-marks.ts';
import { readLiveMarks } from './live-marks.ts';
import type { MarkRef } from './parked-mark.ts';
import type { ParkedTask, ParkedTaskRef } from './parked-task.ts';
import type { CommandOptions, WaitOptions } from './pending-tasks.ts';
import {
  fits,
  type ParkedFilter,
  type ParkedPage,
  type ParkedSelection,
  pageOf,
  select,
} from './selection.ts';
import { showMarks } from './show-marks.ts';

/** Whose parked tasks, and how long to look. */
export interface LookOptions {
  /** The consumer group. Default: the queue's name. */
  readonly group?: string | undefined;
  /** Ends the looking. */
  readonly signal?: AbortSignal | undefined;
}

export interface ParkedListOptions extends LookOptions, ParkedFilter {
  /** 1 to 10,000, default 100. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly cursor?: string | undefined;
}

export interface ParkedShowOptions extends LookOptions {
  /** Whether to decode payloads: as they were enqueued, before upcasts. Default false. */
  readonly payload?: boolean | undefined;
}

export interface DiscardOptions extends CommandOptions, WaitOptions {
  /** Says what would be sent, and sends nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Sends so many commands a second, so many keys are begun a second. Default: all at once. */
  readonly perSecond?: number | undefined;
}

export interface RedriveOptions extends DiscardOptions {
  /** Also what was redriven 5 times and gave up each time. Default false. */
  readonly force?: boolean | undefined;
}

/**
 * What is parked, and its ways out. Parked tasks never expire: they wait, in order, until somebody redrives or discards
 * them. Commands go into the queue's journal and are obeyed by whichever worker owns the partition; none has to run here.
 */
export class ParkedTasks {
  readonly #control: Control;

  constructor(control: Control) {
    this.#control = control;
  }

  /**
   * What is parked, oldest first. Reads the journal only, however much is parked.
   *
   * @throws OptionsError, KafkaRequestError, TopicsRefusedError, TopicUnreadableError, QueueClosedError
   */
  async list(options: ParkedListOptions = {}): Promise<ParkedPage> {
    const given = parsed('parked.list()', schemas.list, options);
    return await this.#control.run(given.signal, async (signal) => {
      const marks = await readLiveMarks(this.#control, this.#control.groupOf(given.group), signal);
      const { limit, cursor } = given;
      return pageOf(
        marks.filter((mark) => fits(mark, given)),
        { limit, cursor },
      );
    });
  }

  /**
   * The parked tasks of a mark or of a key, one after the other in the order in which a redrive would run them, as of the
   * first step of the iteration. Reads the parked topic from where the mark begins; keeps one batch in memory.
   *
   * @throws OptionsError at once; from the iteration NotParkedError (nothing is parked under this name),
   * ParkedTasksLostError (after what is left), KafkaRequestError, TopicsRefusedError, TopicUnreadableError,
   * QueueClosedError.
   */
  show(
    target: MarkRef | { readonly key: string },
    options: ParkedShowOptions = {},
  ): AsyncIterable<ParkedTask> {
    const isRef = 'mark' in target;
    const named = isRef
      ? parsed('parked.show()', schemas.markRef, target)
      : parsed('parked.show()', schemas.keyTarget, target);
    const given = parsed('parked.show()', schemas.show, options);
    const group = this.#control.groupOf(given.group);
    return showMarks(this.#control, named, {
      group,
      payload: given.payload,
      given: given.signal,
    });
  }

  /**
   * Runs parked tasks again: each key's in order, and before what has been enqueued for it since. A task that gives up
   * again stays parked, and those behind it.
   *
   * @throws OptionsError; RedriveLoopError when all that was selected gave up 5 times already; CommandsFailedError when
   * Kafka did not take all commands; KafkaRequestError, TopicsRefusedError, TopicUnreadableError, QueueClosedError.
   */
  async redrive(selection: ParkedSelection | MarkRef, options: RedriveOptions = {}): Promise<CommandReport> {
    return await this.#end('redrive', selection, options);
  }

  /**
   * Gives parked tasks up for good: of the marks selected, or one task that `show` gave. They stay in the parked topic
   * and will not run.
   *
   * @throws as {@link redrive}
   */
  async discard(
    selection: ParkedSelection | MarkRef | ParkedTaskRef,
    options: DiscardOptions = {},
  ): Promise<CommandReport> {
    return await this.#end('discard', selection, options);
  }

  async #end(
    name: 'redrive' | 'discard',
    selection: ParkedSelection | MarkRef | ParkedTaskRef,
    options: RedriveOptions,
  ): Promise<CommandReport> {
    const call = `parked.${name}()`;
    const which = meant(call, name, selection);
    const given = parsed(call, schemas.end, options);
    const sender = this.#control.senderOf(given);
    return await this.#control.run(given.signal, async (signal) => {
      const selected = select(await readLiveMarks(this.#control, sender.group, signal), which.selection);
      return await endMarks(this.#control, selected, {
        ...given,
        sender,
        verb: which.verb,
        perSecond: given.perSecond,
        signal,
      });
    });
  }
}

/** What a selection means, in whichever form it was given. */
function meant(
  call: string,
  name: 'redrive' | 'discard',
  selection: ParkedSelection | MarkRef | ParkedTaskRef,
): { readonly selection: Parameters<typeof select>[1]; readonly verb: EndOptions['verb'] } {
  const verb: EndOptions['verb'] = (mark) => ({ name, mark });
  if (typeof selection !== 'object' || selection === null || !('mark' in selection)) {
    return { selection: parsed(call, schemas.selection, selection), verb };
  }
  if (name === 'redrive' || !('offset' in selection)) {
    return { selection: { marks: [parsed(call, schemas.markRef, selection)] }, verb };
  }
  const { offset, ...ref } = parsed(call, schemas.taskRef, selection);
  return {
    selection: { marks: [ref] },
    verb: (mark) => ({ name: 'discard-task', mark, offset: Number(offset) }),
  };
}
