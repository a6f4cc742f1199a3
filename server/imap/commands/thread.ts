import type { CommandHandler } from '../dispatch.ts';
import { expectSearchWithinLimit } from '../message-limit.ts';
import { threadMessages } from '../sorting/thread-messages.ts';
import { writeThreads } from '../sorting/thread-response.ts';
import { findMatching, usesModseq } from './search.ts';

/** @see RFC 5256, section 3 (THREAD) */
export const thread: CommandHandler<'THREAD'> = async (session, command) => {
  const { isUid, criteria, algorithm } = command;
  expectSearchWithinLimit(session, command);
  const found = await findMatching(session, command);
  if (usesModseq(criteria)) session.enableCondstore();
  const { uids, forest } = await threadMessages(session, algorithm, found);
  await writeThreads(session, forest, uids, isUid);
  return { text: 'THREAD completed' };
};
