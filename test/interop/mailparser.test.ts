// mailparser reads the whole message; ImapFlow reads what the server says about it, part by part. Both must
// see the same mail.
import { ImapFlow, type FetchMessageObject } from 'imapflow';
import { simpleParser, type Attachment, type ParsedMail } from 'mailparser';
import t, { type Test } from 'tap';
import { alice, startMailServer } from '../fixtures/mail-server.ts';
import { makeLargeMessage, makeVariedMail } from '../fixtures/mail-generator.ts';

const server = await startMailServer(t);

await t.test('generated mail: headers, parts and their contents', async (t) => {
  const client = await connect(t, 'generated');
  const messages = [...makeVariedMail(120, { seed: 7 })].map(({ bytes }) => bytes);
  messages.push(makeLargeMessage(20_000_000));
  for (const message of messages) await client.append('generated', message);
  const lock = await client.getMailboxLock('generated');
  let attachmentCount = 0;
  for (const [index, original] of messages.entries()) {
    const seq = String(index + 1);
    const fetched = await client.fetchOne(seq, {
      source: true,
      envelope: true,
      bodyStructure: true,
    });
    if (!fetched) throw new Error(`Message ${seq} is missing`);
    t.ok(fetched.source?.equals(original), `message ${seq} comes back byte for byte`);
    const parsed = await simpleParser(original);
    compareHeaders(t, fetched, parsed);
    for (const attachment of parsed.attachments) {
      attachmentCount++;
      await compareAttachment(t, client, seq, attachment);
    }
  }
  t.ok(attachmentCount > 30, `${attachmentCount} attachments were compared`);
  lock.release();
  await client.logout();
});

function compareHeaders(t: Test, { envelope }: FetchMessageObject, parsed: ParsedMail): void {
  t.equal(envelope?.subject, parsed.subject);
  t.equal(envelope?.messageId, parsed.messageId);
  t.same(envelope?.date, parsed.date);
  t.same(
    envelope?.from?.map(({ address }) => address),
    parsed.from?.value.map(({ address }) => address),
  );
}

async function compareAttachment(
  t: Test,
  client: ImapFlow,
  seq: string,
  attachment: Attachment,
): Promise<void> {
  const part: unknown = Reflect.get(attachment, 'partId');
  const { meta, content } = await client.download(seq, String(part));
  const chunks: Buffer[] = [];
  for await (const chunk of content ?? []) chunks.push(chunk as Buffer);
  t.equal(meta?.contentType, attachment.contentType, `${seq}, part ${String(part)}`);
  t.equal(meta?.filename, attachment.filename);
  t.ok(Buffer.concat(chunks).equals(attachment.content), 'same content');
}

async function connect(t: Test, mailbox: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: server.process.imapsPort,
    secure: true,
    auth: { user: alice.name, pass: alice.password },
    tls: { rejectUnauthorized: false },
    logger: false,
  });
  t.teardown(() => client.close());
  await client.connect();
  await client.mailboxCreate(mailbox);
  return client;
}
