import { encodeString } from '../../../protocol/wire-text.ts';
import type { CommandHandler } from '../command-handler.ts';
import { serverVersion } from '../../version.ts';

/** @see RFC 2971, section 3 */
export const identify: CommandHandler<'ID'> = async (session, { parameters }) => {
  if (parameters !== undefined) {
    session.log('debug', { client: Object.fromEntries(parameters) }, 'client identified');
  }
  const fields = ['name', 'Reprise', 'version', serverVersion];
  session.out.untagged(`ID (${fields.map((field) => encodeString(field)).join(' ')})`);
  return { text: 'ID completed' };
};
