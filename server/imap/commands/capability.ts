import type { CommandHandler } from '../dispatch.ts';

/** @see RFC 3501, section 6.1.1 */
export const capability: CommandHandler<'CAPABILITY'> = async (session) => {
  const out = session.out.begin().atom('CAPABILITY');
  for (const name of session.listCapabilities()) out.atom(name);
  out.end();
  return { text: 'CAPABILITY completed' };
};
