import { mailboxNames, type Operation, type Step } from './random-commands.ts';

/** Whether steps still fail in the same way; racy ones are tried several times by the caller. */
export type StepsFail = (steps: readonly Step[]) => Promise<boolean>;

/**
 * Makes failing steps few: leaves out halves, quarters and so on of them, then bursts and operations of
 * races, then makes operations plain, for as long as they still fail.
 *
 * @param isOver true when there is no more time; the best so far is returned then
 */
export async function shrinkSteps(
  steps: readonly Step[],
  stepsFail: StepsFail,
  isOver: () => boolean,
): Promise<readonly Step[]> {
  let best = steps;
  for (;;) {
    const before = JSON.stringify(best);
    best = await dropParts(best, stepsFail, isOver);
    best = await tryEach(best, smallerBursts, stepsFail, isOver);
    best = await tryEach(best, plainerOperations, stepsFail, isOver);
    if (isOver() || JSON.stringify(best) === before) return best;
  }
}

/** Leaves out runs of steps, long ones first. */
async function dropParts(
  steps: readonly Step[],
  stepsFail: StepsFail,
  isOver: () => boolean,
): Promise<readonly Step[]> {
  let best = steps;
  for (let length = Math.ceil(best.length / 2); length >= 1; length = Math.floor(length / 2)) {
    // From the end: what matters is mostly near the failure.
    for (let at = best.length - length; at > -length && !isOver(); at -= length) {
      const start = Math.max(0, at);
      const next = [...best.slice(0, start), ...best.slice(at + length)];
      if (next.length < best.length && (await stepsFail(next))) best = next;
    }
  }
  return best;
}

/** Puts something smaller in the place of each step, if it still fails. */
async function tryEach(
  steps: readonly Step[],
  alternatives: (step: Step) => readonly Step[],
  stepsFail: StepsFail,
  isOver: () => boolean,
): Promise<readonly Step[]> {
  let best = steps;
  for (let index = 0; index < best.length; index++) {
    for (let isSmaller = true; isSmaller && !isOver();) {
      isSmaller = false;
      for (const step of alternatives(best[index]!)) {
        const next = best.with(index, step);
        if (!(await stepsFail(next))) continue;
        best = next;
        isSmaller = true;
        break;
      }
    }
  }
  return best;
}

/** The step with one burst or one operation less. */
function smallerBursts(step: Step): readonly Step[] {
  if (step === 'settle') return [];
  const { bursts } = step;
  const withoutBurst = bursts.map((_, index) => ({ bursts: bursts.toSpliced(index, 1) }));
  const withoutOperation = bursts.flatMap((burst, index) =>
    burst.length < 2
      ? []
      : burst.map((_, at) => ({ bursts: bursts.with(index, burst.toSpliced(at, 1)) })),
  );
  return bursts.length < 2 ? withoutOperation : [...withoutBurst, ...withoutOperation];
}

/** The step with one operation that is easier to read. */
function plainerOperations(step: Step): readonly Step[] {
  if (step === 'settle') return [];
  const { bursts } = step;
  return bursts.flatMap((burst, index) =>
    burst.flatMap((operation, at) =>
      plainer(operation).map((next) => ({ bursts: bursts.with(index, burst.with(at, next)) })),
    ),
  );
}

function plainer(operation: Operation): readonly Operation[] {
  const first = { picks: [0] };
  const next: Operation[] = [];
  if (operation.name === 'store') {
    const { unchangedSince, ...plain } = operation;
    if (unchangedSince !== undefined) next.push(plain);
    if (operation.flags.length > 1) next.push({ ...operation, flags: operation.flags.slice(0, 1) });
    if (operation.isSilent) next.push({ ...operation, isSilent: false });
    if (operation.mode === 'replace') next.push({ ...operation, mode: 'add' });
  }
  if (operation.name === 'fetch' && operation.items !== 'flags') {
    next.push({ ...operation, items: 'flags' });
  }
  if (operation.name === 'append' && operation.flags.length > 0) {
    next.push({ ...operation, flags: [] });
  }
  if (operation.name === 'append' && operation.target !== 0) next.push({ ...operation, target: 0 });
  if ('set' in operation && operation.set !== undefined && operation.name !== 'expunge') {
    if (JSON.stringify(operation.set) !== JSON.stringify(first)) {
      next.push({ ...operation, set: first });
    }
  }
  if (operation.name !== 'noop') next.push({ session: operation.session, name: 'noop' });
  return next;
}

/** Steps as a person reads them: one a line. */
export function describeSteps(steps: readonly Step[]): string {
  return steps
    .map((step) => {
      if (step === 'settle') return '  all compare';
      const bursts = step.bursts.map((burst) => burst.map(describeOperation).join(', then '));
      return `  ${bursts.join('\n    while ')}`;
    })
    .join('\n');
}

function describeOperation({ session, name, ...rest }: Operation): string {
  const details = Object.entries(rest).map(([key, value]) => {
    const isMailbox = ['target', 'mailbox', 'newMailbox'].includes(key);
    return `${key} ${isMailbox ? mailboxNames[Number(value)] : JSON.stringify(value)}`;
  });
  return `S${session} ${name.toUpperCase()} ${details.join(' ')}`.trimEnd();
}
