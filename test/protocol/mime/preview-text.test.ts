import t from 'tap';
import { mimeLimits } from '../../../protocol/mime/limits.ts';
import { MimeWalker } from '../../../protocol/mime/mime-walker.ts';
import { findPreviewSource, makePreview } from '../../../protocol/mime/preview-text.ts';

/** The preview of a message; undefined if it has no text. */
function previewOf(message: string | Buffer): string | undefined {
  const bytes = Buffer.from(message);
  const walker = new MimeWalker();
  walker.push(bytes);
  const source = findPreviewSource(walker.finish());
  return source && makePreview(source.part, bytes.subarray(source.start, source.end));
}

const plain = (text: string, more = '') => previewOf(`Subject: x\r\n${more}\r\n${text}`);
const html = (text: string) => previewOf(`Content-Type: text/html; charset=utf-8\r\n\r\n${text}`);
const part = (header: string, text: string) => `--b\r\n${header}\r\n\r\n${text}\r\n`;
const multipart = (subtype: string, ...parts: string[]) =>
  `Content-Type: multipart/${subtype}; boundary=b\r\n\r\n${parts.join('')}--b--\r\n`;

await t.test('plain text comes on one line', (t) => {
  t.equal(plain('Hello,\r\n\r\n  how are\tyou?\r\n'), 'Hello, how are you?');
  t.equal(
    plain('> You said\r\n> that\r\nNo, I did not\r\n'),
    'No, I did not',
    'what is quoted goes',
  );
  t.equal(plain('> only\r\n'), '> only', 'unless there is nothing else');
  t.equal(plain(' \r\n\r\n'), '');
  t.equal(previewOf('Subject: x\r\n'), undefined);
  t.equal(plain('a\0b\x1b[1mc\x7f'), 'a b [1mc');
  t.end();
});

await t.test('what is encoded is decoded, in any charset', (t) => {
  const encoded = (encoding: string, charset: string, text: string) =>
    plain(
      text,
      `Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: ${encoding}\r\n`,
    );
  t.equal(encoded('quoted-printable', 'iso-8859-1', 'Gr=FC=DFe =\r\naus K=F6ln'), 'Grüße aus Köln');
  t.equal(encoded('base64', 'utf-8', Buffer.from('Grüße 👍').toString('base64')), 'Grüße 👍');
  t.equal(encoded('8bit', 'utf-16le', 'a'), '', 'half a character is none');
  t.equal(encoded('8bit', 'unknown-8bit', 'Grüße'), 'Grüße');
  t.end();
});

await t.test('it has at most 200 characters, and none is cut', (t) => {
  const count = mimeLimits.previewCharacters;
  t.equal(count, 200);
  t.equal(plain('x'.repeat(count)), 'x'.repeat(count));
  t.equal(plain('x'.repeat(count + 1)), 'x'.repeat(count));
  for (const before of ['', 'x']) {
    const characters = Array.from(plain(before + '👍'.repeat(300)) ?? '');
    t.equal(characters.length, count);
    t.ok(characters.every((character) => character === before || character === '👍'));
  }
  t.equal(plain(`${'x'.repeat(count - 1)} y`), 'x'.repeat(count - 1));
  const cut = Buffer.alloc(mimeLimits.previewPlainBytes * 2, 'é');
  t.equal(previewOf(Buffer.concat([Buffer.from('\r\n '), cut])), 'é'.repeat(count));
  t.end();
});

await t.test('HTML comes without markup', (t) => {
  for (const [text, expected] of [
    ['<p>One</p><p>two</p>', 'One two'],
    ['<b>b</b>old and <SPAN class="a>b">span</SPAN>', 'bold and span'],
    ['<html><head><title>T</title><style>p > a {}</style></head><body>Text', 'Text'],
    ['<script>if (a < b) document.write("<p>no")</script >yes', 'yes'],
    ['<style>never closed', ''],
    ['a<!-- <p>no --> b<!-- never closed', 'a b'],
    ['<!DOCTYPE html><?xml x?>x', 'x'],
    ['1 < 2 and <3', '1 < 2 and <3'],
    ['a<br>b<br/>c', 'a b c'],
    ['<a title="never closed>x</a> y', 'x y'],
    ['<a', ''],
    [
      '&lt;b&gt; &amp;amp; &eacute;&Eacute; &#8364;&#x20AC; &nbsp;&unknown; &#0;&#9999999;',
      '<b> &amp; éÉ €€ &unknown; &#0;&#9999999;',
    ],
    ['A&amp;B&copy', 'A&B©'],
    [`Preheader${'&nbsp;&zwnj;&#847; &shy;'.repeat(50)}Text`, 'Preheader Text'],
    ['نمی\u200cخواهم', 'نمی\u200cخواهم'],
    ['a\u202egnp.exe', 'agnp.exe'],
    ['İ<STYLE>x</STYLE>y', 'İ y'],
  ] as const) {
    t.equal(html(text), expected, text);
  }
  t.end();
});

await t.test('the first text counts, as plain text if there is a choice', (t) => {
  const a = part('Content-Type: text/plain', 'plain');
  const b = part('Content-Type: text/html', '<p>html');
  const attached = part('Content-Type: text/plain\r\nContent-Disposition: Attachment', 'attached');
  const image = part('Content-Type: image/png', 'x');
  t.equal(previewOf(multipart('alternative', b, a)), 'plain');
  t.equal(previewOf(multipart('mixed', b, a)), 'html');
  t.equal(previewOf(multipart('mixed', attached, image, b)), 'html');
  t.equal(previewOf(multipart('mixed', part('Content-Type: text/plain', ''), b)), 'html');
  t.equal(previewOf(multipart('mixed', attached, image)), undefined);
  t.equal(
    previewOf(multipart('mixed', part('Content-Type: message/rfc822', 'Subject: x\r\n\r\ninner'))),
    'inner',
  );
  const encrypted = part('Content-Type: application/octet-stream', 'x');
  t.equal(previewOf(multipart('encrypted', encrypted)), undefined);
  t.end();
});

await t.test('a hostile part takes bounded work', (t) => {
  // With a search from each tag to the end each would take 2^30 steps and more.
  for (const piece of [
    '<',
    '<a "',
    "<a '",
    '<!--',
    '<style',
    '</',
    '&#',
    '> ',
    '\u200c ',
    '<a>"',
  ]) {
    const text = piece.repeat(mimeLimits.previewHtmlBytes / piece.length);
    t.ok(
      Array.from(html(text) ?? '').length <= mimeLimits.previewCharacters,
      JSON.stringify(piece),
    );
  }
  const late = `<style>${'x'.repeat(mimeLimits.previewHtmlBytes)}</style>late`;
  t.equal(html(late), '', 'what is far behind is not read');
  t.end();
});
