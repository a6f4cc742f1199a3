import { findEnabledExtension } from '../../../protocol/capability.ts';
import type { CommandHandler } from '../dispatch.ts';

/** Capabilities that the server does not know, or that are turned off, are passed over. @see RFC 5161, section 3.1 */
export const enable: CommandHandler<'ENABLE'> = async (session, { capabilities }) => {
  const out = session.out.begin().atom('ENABLED');
  for (const name of capabilities) {
    const extension = findEnabledExtension(name);
    if (extension === undefined || session.isOff(extension)) continue;
    if (session.enabled.has(extension)) continue;
    session.enabled.add(extension);
    out.atom(extension);
  }
  out.end();
  return { text: 'ENABLE completed' };
};
