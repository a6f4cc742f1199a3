import type { CommandHandler } from '../command.ts';

/** Capabilities that the server does not know are passed over. @see RFC 5161, section 3.1 */
export const enable: CommandHandler<'ENABLE'> = async (session, { capabilities }) => {
  const isCondstore = capabilities.some((name) => name.toUpperCase() === 'CONDSTORE');
  const isNew = isCondstore && !session.hasCondstore;
  if (isNew) session.hasCondstore = true;
  const out = session.out.begin().atom('ENABLED');
  if (isNew) out.atom('CONDSTORE');
  out.end();
  return { text: 'ENABLE completed' };
};
