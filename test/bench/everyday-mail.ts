import { encode as encodeQuotedPrintable, wrap as wrapQuotedPrintable } from 'libqp';
import { SeededRandom } from '../fixtures/seeded-random.ts';
import type { ImapConnection } from './load/imap-connection.ts';

/**
 * What the mail is like. `plain`: ASCII text, headers of 265 to 800 bytes. `long headers`: the same with about 3 KB of
 * header, as relays, signers and filters write it today. `accents`: the text is of French, German and Spanish words, in
 * UTF-8 and ISO 8859-1, as 8bit and quoted-printable. `base64`: the same words in UTF-8, as base64.
 */
export type MailKind = 'plain' | 'long headers' | 'accents' | 'base64';

/** A word that stands in the text of one plain message in ten, and in no header. */
export const bodyWord = 'Tuesday';
/** The same for texts with accents. */
export const accentedBodyWord = 'Événement';

const messagesWithWord = 10;
const messagesWithAttachment = 4;
const textBytes = { least: 1_000, most: 3_900 };
/** Before base64, which makes a third more of them. */
const attachmentBytes = { least: 2_000, most: 16_400 };
const longHeaderBytes = 2_600;
const lineLength = 72;
const firstSentMs = Date.UTC(2020, 0, 1, 8);
const sentEveryMs = 3_600_000;

const words = {
  plain:
    'the of and to in is that it was for on are as with they be at one have this from or had by word but what some we can out other were all there when up use your how said an each she which do their time if will way about many then them write would like so these her long make thing see him two has look more day could go come did number sound no most people my over know water than call first who may down side been now find any new work part take get place made live where after back little only round man year came show every good me give our under name very through just form sentence great think say help low line differ turn cause much mean before move right boy old too same tell does set three want air well also play small end put home read hand port large spell add even land here must big high such follow act why ask men change went light kind off need house picture try us again animal point mother world near build self earth father'.split(
      ' ',
    ),
  accented:
    'été français déjà où être même très après élève façon garçon hôtel hôpital île naïf cœur œuvre sœur août forêt fenêtre tête bête fête pâte côté goût coût reçu leçon préféré répété für über schön grün müde Straße größer heißen möglich natürlich während Überraschung Mädchen Schüler Lösung Prüfung Bücher Häuser Türen ñandú mañana señor español corazón acción razón café más también según después aquí allí así país día río le la les des une pour avec dans und der die das nicht auch el los las por que sur elle nous mon par ce qui il son fait temps jour vie monde mit ein sie haus tag jahr zeit welt mann frau noch wenn wird una con todo pero hay esto tiempo vida mundo casa hombre cada vez otro bien'.split(
      ' ',
    ),
};
const names = [
  'Anna Berg',
  'Bo Lind',
  'Chris Day',
  'Dana Frost',
  'Eli Ward',
  'Fay Moss',
  'Gil Stone',
];
const hosts = ['mail.example', 'post.example', 'work.example', 'shop.example'];

/** Random bytes that attachments are cut from: random ones for each would take longer than all the rest. */
const attachmentPool = new SeededRandom(7).bytes(256 * 1024);

/** Occurs in the subject of exactly one of the messages, the one with this number (from 1). */
export function subjectOf(number: number): string {
  return `case ${number}.`;
}

/** The first messages: about 61 MB if there are 10,000 plain ones. The same each time. */
export function* everydayMail(count: number, kind: MailKind = 'plain'): Generator<Buffer> {
  for (let number = 1; number <= count; number++) yield everydayMessage(number, kind);
}

/** One of the messages by its number (from 1); one in four is a multipart with an attachment. */
export function everydayMessage(number: number, kind: MailKind = 'plain'): Buffer {
  const random = new SeededRandom(number * 7_919);
  const header = headerFields(random, number);
  const added = kind === 'long headers' ? relayFields(new SeededRandom(number * 104_729)) : '';
  const text = textPart(random, number, kind);
  if (number % messagesWithAttachment !== 0) {
    return Buffer.concat([Buffer.from(`${added}${header}${text.fields}\r\n`), text.content]);
  }
  const boundary = `=_${token(random, 24)}`;
  return Buffer.concat([
    Buffer.from(
      `${added}${header}Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n${text.fields}\r\n`,
    ),
    text.content,
    Buffer.from(`\r\n--${boundary}\r\n${attachment(random, number)}\r\n--${boundary}--\r\n`),
  ]);
}

export interface FillOptions {
  /** INBOX if absent. */
  readonly mailbox?: string;
  readonly kind?: MailKind;
  /** The server takes several messages in one APPEND, and is so filled in less time. */
  readonly hasMultiAppend?: boolean | undefined;
}

/** Appends the messages to a mailbox that is there: seven of ten are seen, one of 37 is flagged. */
export async function fillEveryday(
  client: ImapConnection,
  count: number,
  { mailbox = 'INBOX', kind = 'plain', hasMultiAppend }: FillOptions = {},
): Promise<void> {
  await client.appendAll(mailbox, everydayMail(count, kind), hasMultiAppend);
  await client.ok(`SELECT ${mailbox}`);
  const last = await client.command(`FETCH ${count} UID`);
  // A FETCH response stands before the answer only if there is such a message.
  if (last.status !== 'OK' || last.sizeBytes < last.text.length + '* 1 FETCH (UID 1)'.length) {
    throw new Error(`${mailbox} does not have ${count} messages: ${last.status} ${last.text}`);
  }
  const every = (step: number) =>
    Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step).join(',');
  await client.ok(`STORE 1:${Math.ceil(count * 0.7)} +FLAGS.SILENT (\\Seen)`);
  if (count >= 37) await client.ok(`STORE ${every(37)} +FLAGS.SILENT (\\Flagged)`);
}

/** What every message has, but for the fields of its content. */
function headerFields(random: SeededRandom, number: number): string {
  const date = new Date(firstSentMs + number * sentEveryMs).toUTCString().replace('GMT', '+0000');
  const recipientCount = random.chance(0.05) ? 8 : 1 + random.below(3);
  const recipients = Array.from({ length: recipientCount }, () => person(random)).join(',\r\n\t');
  const subject = random.chance(0.1)
    ? `=?utf-8?q?Gr=C3=BC=C3=9Fe?= ${subjectOf(number)}`
    : `${random.chance(0.3) ? 'Re: ' : ''}${sentence(random, words.plain, 5)} ${subjectOf(number)}`;
  return [
    ...(random.chance(0.5)
      ? [
          `Received: from ${token(random, 6)}.${random.pick(hosts)} ([192.0.2.${random.below(250)}])\r\n\tby mx.example with ESMTPS; ${date}`,
        ]
      : []),
    `Date: ${date}`,
    `From: ${person(random)}`,
    `To: ${recipients}`,
    `Subject: ${subject}`,
    `Message-ID: <${number}.${token(random, 10)}@${random.pick(hosts)}>`,
    ...(random.chance(0.3)
      ? [`In-Reply-To: <${random.below(number)}.${token(random, 10)}@mail.example>`]
      : []),
    'MIME-Version: 1.0',
    '',
  ].join('\r\n');
}

/** What relays, signers and filters write above a message: long, folded, and different each time. */
function relayFields(random: SeededRandom): string {
  const fields = [
    `Return-Path: <bounces+${random.below(1e9)}@mailer.example>`,
    `ARC-Seal: i=1; a=rsa-sha256; t=16${random.below(1e8)}; cv=none;\r\n\td=mx.example; s=arc-20240605;\r\n\tb=${folded(random, 344)}`,
    `ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=mx.example;\r\n\ts=arc-20240605; h=from:to:subject:date:message-id:mime-version;\r\n\tbh=${token(random, 44)};\r\n\tb=${folded(random, 344)}`,
    `Authentication-Results: mx.example; dkim=pass header.d=mailer.example\r\n\theader.s=s1 header.b=${token(random, 8)}; spf=pass smtp.mailfrom=mailer.example;\r\n\tdmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=mailer.example`,
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=mailer.example; s=s1;\r\n\th=from:to:subject:date:message-id:mime-version:content-type:list-unsubscribe;\r\n\tbh=${token(random, 44)};\r\n\tb=${folded(random, 344)}`,
  ];
  let text = `${fields.join('\r\n')}\r\n`;
  while (text.length < longHeaderBytes) {
    text += `Received: from mail-${token(random, 8)}.mailer.example (mail-${token(random, 8)}.mailer.example\r\n\t[192.0.2.${random.below(250)}]) by relay${random.below(9)}.example (Postfix) with ESMTPS id ${token(random, 12)}\r\n\tfor <reader@mail.example>; Mon, 1 Mar 2021 09:${10 + random.below(50)}:00 +0000 (UTC)\r\n`;
  }
  return text;
}

/** A part of text: its fields, each with its line end, and its content, encoded. */
function textPart(
  random: SeededRandom,
  number: number,
  kind: MailKind,
): { readonly fields: string; readonly content: Buffer } {
  const isAccented = kind === 'accents' || kind === 'base64';
  const word = isAccented ? accentedBodyWord : bodyWord;
  const text = lines(random, isAccented ? words.accented : words.plain);
  const place = text.length >> 1;
  if (number % messagesWithWord === 0) text.splice(place, 0, `See you on ${word}.`);
  const content = text.join('\r\n');
  if (!isAccented) return encoded('us-ascii', '7bit', Buffer.from(content));
  if (kind === 'base64') return encoded('utf-8', 'base64', base64Lines(Buffer.from(content)));
  if (number % 3 === 0) return encoded('utf-8', '8bit', Buffer.from(content));
  const isLatin = number % 3 === 1;
  // ISO 8859-1 does not have it.
  const bytes = isLatin
    ? Buffer.from(content.replaceAll('œ', 'oe'), 'latin1')
    : Buffer.from(content);
  return encoded(
    isLatin ? 'iso-8859-1' : 'utf-8',
    'quoted-printable',
    Buffer.from(wrapQuotedPrintable(encodeQuotedPrintable(bytes))),
  );
}

function encoded(charset: string, encoding: string, content: Buffer) {
  return {
    fields: `Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: ${encoding}\r\n`,
    content: Buffer.concat([content, Buffer.from('\r\n')]),
  };
}

function lines(random: SeededRandom, vocabulary: readonly string[]): string[] {
  const sizeBytes = textBytes.least + random.below(textBytes.most - textBytes.least);
  const result: string[] = [];
  for (let done = 0, line = ''; done < sizeBytes;) {
    const word = random.pick(vocabulary);
    if (line.length + word.length < lineLength) {
      line += line === '' ? word : ` ${word}`;
      continue;
    }
    result.push(line);
    done += line.length + 2;
    line = word;
  }
  return result;
}

function attachment(random: SeededRandom, number: number): string {
  const sizeBytes =
    attachmentBytes.least + random.below(attachmentBytes.most - attachmentBytes.least);
  const start = random.below(attachmentPool.length - sizeBytes);
  const content = base64Lines(attachmentPool.subarray(start, start + sizeBytes)).toString('latin1');
  return `Content-Type: application/pdf; name="report-${number}.pdf"\r\nContent-Disposition: attachment; filename="report-${number}.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${content}`;
}

function base64Lines(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n'), 'latin1');
}

function person(random: SeededRandom): string {
  const name = random.pick(names);
  const address = `${name.split(' ', 1)[0]!.toLowerCase()}${random.below(90)}@${random.pick(hosts)}`;
  return `${name} <${address}>`;
}

function sentence(random: SeededRandom, vocabulary: readonly string[], wordCount: number): string {
  return Array.from({ length: wordCount }, () => random.pick(vocabulary)).join(' ');
}

function token(random: SeededRandom, length: number): string {
  return random.bytes(length).toString('base64url').slice(0, length);
}

function folded(random: SeededRandom, length: number): string {
  return token(random, length).replaceAll(/.{70}/g, '$&\r\n\t');
}
