import { hierarchySeparator } from '../../../protocol/mailbox-name.ts';
import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 2342, section 5 */
export const namespace: CommandHandler<'NAMESPACE'> = async (session) => {
  const out = session.out.begin().atom('NAMESPACE');
  out.open().open().string('').string(hierarchySeparator).close().close();
  out.nstring(undefined).nstring(undefined).end();
  return { text: 'NAMESPACE completed' };
};
