import t from 'tap';
import { maxEventGroups, maxNotifyNames } from '../../../protocol/limits.ts';
import { decode } from '../../fixtures/read-events.ts';

const messages = ['MessageNew', 'MessageExpunge'];
const group = (
  filter: object,
  events: readonly string[],
  newMessageItems: readonly object[] = [],
) => ({
  filter,
  events: new Set(events),
  newMessageItems,
});
const both = 'BAD Events of messages need both MessageNew and MessageExpunge';
const always = 'MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange';
const supported = `${always} MailboxMetadataChange ServerMetadataChange`;

await t.test('NONE and SET', (t) => {
  t.strictSame(decode('NOTIFY none'), { name: 'NOTIFY', hasStatus: false, groups: [] });
  t.strictSame(decode('notify set (personal none)'), {
    name: 'NOTIFY',
    hasStatus: false,
    groups: [group({ kind: 'personal' }, [])],
  });
  t.strictSame(
    decode(
      'NOTIFY SET Status (Selected (messagenew (uid Body.Peek[]) messageExpunge FLAGCHANGE)) ' +
        '(subtree (b a) (MessageExpunge MessageNew)) (inboxes (MailboxName SubscriptionChange))',
    ),
    {
      name: 'NOTIFY',
      hasStatus: true,
      groups: [
        group(
          { kind: 'selected' },
          [...messages, 'FlagChange'],
          [
            { item: 'UID' },
            { item: 'BODY[]', isPeek: true, section: { part: [], text: { kind: 'all' } } },
          ],
        ),
        group({ kind: 'subtree', names: ['a', 'b'] }, messages.toReversed()),
        group({ kind: 'inboxes' }, ['MailboxName', 'SubscriptionChange']),
      ],
    },
  );
  t.end();
});

await t.test('what is no NOTIFY', (t) => {
  t.equal(decode('NOTIFY'), 'BAD Expected space, got end of command');
  t.equal(decode('NOTIFY x'), 'BAD Expected SET or NONE, got "x"');
  t.equal(decode('NOTIFY NONE x'), 'BAD Expected end of command, got " x"');
  t.equal(decode('NOTIFY SET'), 'BAD Expected space, got end of command');
  t.equal(decode('NOTIFY SET STATUS'), 'BAD Expected space, got end of command');
  t.equal(decode('NOTIFY SET personal NONE'), 'BAD Expected "(", got "personal"');
  t.equal(decode('NOTIFY SET (personal)'), 'BAD Expected space, got ")"');
  t.equal(decode('NOTIFY SET (personal ())'), 'BAD Expected event, got "))"');
  t.equal(
    decode('NOTIFY SET (personal (NONE))'),
    `NO [BADEVENT (${supported})] Unknown event "NONE"`,
  );
  t.end();
});

await t.test('events of messages come together', (t) => {
  for (const events of ['FlagChange', 'FlagChange MessageNew', 'MessageNew', 'AnnotationChange']) {
    t.equal(decode(`NOTIFY SET (personal (${events}))`), `${both}, got "${events}"`);
  }
  t.end();
});

await t.test('the selected mailbox', (t) => {
  const events = '(MessageNew MessageExpunge)';
  for (const [one, other] of [
    ['selected', 'selected'],
    ['selected', 'selected-delayed'],
  ]) {
    t.equal(
      decode(`NOTIFY SET (${one} ${events}) (${other} ${events})`),
      'BAD More than one filter of the selected mailbox',
    );
  }
  t.equal(
    decode('NOTIFY SET (selected (MailboxName))'),
    'BAD Expected event of messages, got "MailboxName))"',
  );
  t.equal(
    decode('NOTIFY SET (personal (MessageNew (UID) MessageExpunge))'),
    'BAD Expected event, got "(UID)"',
    'nothing is told of messages of others',
  );
  t.equal(
    decode('NOTIFY SET (selected (MessageExpunge (UID) MessageNew))'),
    'BAD Expected event, got "(UID)"',
  );
  t.equal(
    decode('NOTIFY SET (selected (MessageNew () MessageExpunge))'),
    'BAD Expected FETCH items, got an empty list',
  );
  t.end();
});

await t.test('events that the server does not have', (t) => {
  for (const name of ['X', 'AnnotationChange']) {
    t.equal(
      decode(`NOTIFY SET (personal (MessageNew ${name} MessageExpunge))`),
      `NO [BADEVENT (${supported})] Unknown event "${name}"`,
    );
  }
  t.match(
    decode('NOTIFY SET (personal (X)) (x NONE)'),
    /^BAD /,
    'before it is asked what it means',
  );
  t.end();
});

await t.test('events of metadata, if there is metadata', (t) => {
  const [ofMailbox, ofServer] = ['MailboxMetadataChange', 'ServerMetadataChange'];
  const line = `NOTIFY SET (personal (${ofMailbox} ${ofServer}))`;
  t.match(decode(line), { groups: [{ events: new Set([ofMailbox, ofServer]) }] });
  t.equal(
    decode(line, { off: new Set(['METADATA']) }),
    `NO [BADEVENT (${always} ${ofServer})] Unknown event "${ofMailbox}"`,
  );
  t.equal(
    decode(line, { off: new Set(['METADATA', 'METADATA-SERVER']) }),
    `NO [BADEVENT (${always})] Unknown event "${ofMailbox}"`,
  );
  t.end();
});

await t.test('what costs too much', (t) => {
  const refusal = `NO [NOTIFICATIONOVERFLOW] At most 64 event groups with 1500 names are watched`;
  t.type(decode(`NOTIFY SET${' (personal NONE)'.repeat(maxEventGroups)}`), 'object');
  t.equal(decode(`NOTIFY SET${' (personal NONE)'.repeat(maxEventGroups + 1)}`), refusal);
  const names = Array.from({ length: maxNotifyNames - 1 }, (_, index) => index).join(' ');
  t.type(decode(`NOTIFY SET (mailboxes (${names}) NONE) (subtree x NONE)`), 'object');
  t.equal(decode(`NOTIFY SET (mailboxes (${names}) NONE) (subtree (x y) NONE)`), refusal);
  t.end();
});
