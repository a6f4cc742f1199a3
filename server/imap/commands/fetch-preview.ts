import { findPreviewSource, makePreview } from '../../../protocol/mime/preview-text.ts';
import { takeTurnIfFree } from '../../../store/turns.ts';
import type { Session } from '../session.ts';
import { type MessageRow, present, readWhole } from './fetch-section.ts';

/**
 * Writes what a message is about, or an empty string if it has no text; its name stands before it. It is made when it is asked
 * for, from the first bytes of one part: that is no undue delay, so LAZY gets it too. Others have their turn between messages.
 *
 * @see RFC 8970, section 3.2
 */
export async function writePreview(
  session: Session,
  { rows, place, body }: MessageRow,
): Promise<void> {
  const source = findPreviewSource(present(rows.structures?.[place]));
  if (source === undefined) {
    session.out.string('');
    return;
  }
  await takeTurnIfFree();
  const { part, start, end } = source;
  const bytes =
    body?.subarray(start, end) ??
    (await readWhole(session, present(rows.bodyIds[place]), start, end));
  session.out.string(Buffer.from(makePreview(part, bytes), 'utf8').toString('latin1'));
}
