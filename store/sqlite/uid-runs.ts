/** Messages that lie side by side: between the ends lies no message that is not meant. */
interface UidRun {
  readonly firstUid: number;
  lastUid: number;
  count: number;
}

/** Some messages of a mailbox, for a statement that names the table `m`. */
export interface UidCondition {
  /** Stands behind `m.mailbox_id = ? AND`. */
  readonly sql: string;
  /** What it binds. */
  readonly values: readonly (number | string)[];
  readonly count: number;
}

/** Above this many runs one statement that looks each UID up is quicker than one for each run. */
const maxRuns = 64;

/**
 * Conditions that together name the chosen ones of messages that follow each other, each message in one of them, in the order
 * of the UIDs: ranges if there are few, which cost a fifth of looking each UID up.
 *
 * @param uids ascending, without one left out that exists between them
 * @param isChosen for each of them
 */
export function uidConditions(uids: Uint32Array, isChosen: Uint8Array): readonly UidCondition[] {
  const runs = findRuns(uids, isChosen);
  if (runs.length <= maxRuns) return runs.map(toCondition);
  const chosen = uids.filter((_, index) => isChosen[index] === 1);
  return [
    {
      sql: 'm.uid IN (SELECT value FROM json_each(?))',
      values: [`[${chosen.join()}]`],
      count: chosen.length,
    },
  ];
}

function toCondition({ firstUid, lastUid, count }: UidRun): UidCondition {
  return { sql: 'm.uid BETWEEN ? AND ?', values: [firstUid, lastUid], count };
}

function findRuns(uids: Uint32Array, isChosen: Uint8Array): UidRun[] {
  const runs: UidRun[] = [];
  let open: UidRun | undefined;
  for (let index = 0; index < uids.length; index++) {
    if (isChosen[index] === 0) {
      open = undefined;
      continue;
    }
    const uid = uids[index]!;
    if (open === undefined) runs.push((open = { firstUid: uid, lastUid: uid, count: 0 }));
    open.lastUid = uid;
    open.count++;
  }
  return runs;
}
