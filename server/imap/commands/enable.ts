import { findEnabledExtension } from '../../../protocol/capability.ts';
import type { CommandHandler } from '../dispatch.ts';

/** Capabilities that are not announced are passed over. @see RFC 5161, section 3.1 */
export const enable: CommandHandler<'ENABLE'> = async (session, { capabilities }) => {
  const known = session.listCapabilities();
  const enabled = capabilities
    .map(findEnabledExtension)
    .filter((extension) => extension !== undefined)
    .filter((extension) => known.includes(extension) && !session.enabled.has(extension));
  // First, since the store may fail: what was said to be on would not be.
  if (enabled.includes('METADATA')) await session.watchMetadata(false);
  else if (enabled.includes('METADATA-SERVER')) await session.watchMetadata(true);
  const out = session.out.begin().atom('ENABLED');
  for (const extension of enabled) out.atom(extension);
  out.end();
  for (const extension of enabled) {
    // QRESYNC has all of CONDSTORE (RFC 7162, section 3.2.3).
    if (extension === 'CONDSTORE' || extension === 'QRESYNC') session.enableCondstore();
    session.enabled.add(extension);
  }
  return { text: 'ENABLE completed' };
};
