import type { CommandHandler } from '../command-handler.ts';

/** Capabilities that the server does not know are passed over. @see RFC 5161, section 3.1 */
export const enable: CommandHandler<'ENABLE'> = async (session, { capabilities }) => {
  const isCondstore = capabilities.some((name) => name.toUpperCase() === 'CONDSTORE');
  const isNew = isCondstore && !session.hasCondstore;
  if (isNew) session.hasCondstore = true;
  session.out.untagged(isNew ? 'ENABLED CONDSTORE' : 'ENABLED');
  return { text: 'ENABLE completed' };
};
