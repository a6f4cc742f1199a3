import type { CommandHandler } from '../command-handler.ts';

/** @see RFC 2342, section 5 */
export const namespace: CommandHandler<'NAMESPACE'> = async (session) => {
  session.out.untagged('NAMESPACE (("" "/")) NIL NIL');
  return { text: 'NAMESPACE completed' };
};
