import { makeVariedMail } from '../fixtures/mail-generator.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import type { ImapConnection } from './load/imap-connection.ts';

/** Bytes of the header fields that servers on the way add to a mail today. */
const wayFieldsBytes = 2_600;

/** A word that stands in the bodies of some messages, and in no header. */
export const bodyWord = 'Tuesday';

/** In the subject of exactly one of the messages, the one with this number. */
export function subjectOf(number: number): string {
  return `m1x${number - 1}]`;
}

/** Messages as they come from the Internet: about 3 KB of header, texts in several charsets, small attachments. */
export function* everydayMail(count: number): Generator<Buffer> {
  for (const { index, octets } of makeVariedMail(count, { maxAttachmentBytes: 4_000 })) {
    yield Buffer.concat([Buffer.from(wayFields(new SeededRandom(index + 1))), octets]);
  }
}

/** What relays, signers and filters write above a message: long, folded, and different each time. */
function wayFields(random: SeededRandom): string {
  const fields = [
    `Return-Path: <bounces+${random.below(1e9)}@mailer.example>`,
    `Authentication-Results: mx.example; dkim=pass header.d=mailer.example\r\n\theader.s=s1 header.b=${token(random, 8)}; spf=pass smtp.mailfrom=mailer.example;\r\n\tdmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=mailer.example`,
    `ARC-Seal: i=1; a=rsa-sha256; t=16${random.below(1e8)}; cv=none;\r\n\td=mx.example; s=arc-20240605;\r\n\tb=${folded(random, 340)}`,
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=mailer.example; s=s1;\r\n\th=from:to:subject:date:message-id:mime-version:content-type:list-unsubscribe;\r\n\tbh=${token(random, 44)};\r\n\tb=${folded(random, 340)}`,
  ];
  let text = `${fields.join('\r\n')}\r\n`;
  while (text.length < wayFieldsBytes) {
    text += `Received: from mail-${token(random, 8)}.mailer.example (mail-${token(random, 8)}.mailer.example\r\n\t[192.0.2.${random.below(250)}]) by relay${random.below(9)}.example (Postfix) with ESMTPS id ${token(random, 12)}\r\n\tfor <reader@mail.example>; Mon, 1 Mar 2021 09:${10 + random.below(50)}:00 +0000 (UTC)\r\n`;
    text += `X-Filter-${token(random, 6)}: ${token(random, 60)}\r\n`;
  }
  return text;
}

function token(random: SeededRandom, length: number): string {
  return random.octets(length).toString('base64url').slice(0, length);
}

function folded(random: SeededRandom, length: number): string {
  return token(random, length).replaceAll(/.{70}/g, '$&\r\n\t');
}

/** Fills INBOX: seven of ten messages are seen, one of 37 is flagged. */
export async function fillEveryday(client: ImapConnection, count: number): Promise<void> {
  await client.appendAll('INBOX', everydayMail(count));
  await client.ok('SELECT INBOX');
  const last = await client.command(`FETCH ${count} UID`);
  // A FETCH response stands before the answer only if there is such a message.
  if (last.status !== 'OK' || last.sizeBytes < last.text.length + '* 1 FETCH (UID 1)'.length) {
    throw new Error(`INBOX does not have ${count} messages: ${last.status} ${last.text}`);
  }
  const every = (step: number) =>
    Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step).join(',');
  await client.ok(`STORE 1:${Math.ceil(count * 0.7)} +FLAGS.SILENT (\\Seen)`);
  await client.ok(`STORE ${every(37)} +FLAGS.SILENT (\\Flagged)`);
}
