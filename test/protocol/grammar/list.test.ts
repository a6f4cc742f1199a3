import t from 'tap';
import { maxListOptions, maxListPatterns } from '../../../protocol/limits.ts';
import type { Capability } from '../../../protocol/capability.ts';
import { decode } from '../../fixtures/read-events.ts';

const off = (...names: Capability[]) => ({ off: new Set(names) });

await t.test('selection options', (t) => {
  t.same(decode('LIST (subscribed Remote RECURSIVEMATCH) a/ %'), {
    name: 'LIST',
    reference: 'a/',
    patterns: ['%'],
    options: {
      selected: new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH']),
      returned: new Set(['SUBSCRIBED']),
    },
  });
  t.match(decode('LIST () "" *'), { options: { selected: new Set(), returned: new Set() } });
  t.match(decode('LIST (SPECIAL-USE) "" *'), { options: { returned: new Set(['SPECIAL-USE']) } });
  t.equal(decode('LIST (X) "" *'), 'BAD Unknown selection option "X"');
  t.equal(decode('LIST (CHILDREN) "" *'), 'BAD Unknown selection option "CHILDREN"');
  t.equal(
    decode('LIST (SPECIAL-USE) "" *', off('SPECIAL-USE')),
    'BAD Unknown selection option "SPECIAL-USE"',
  );
  for (const others of ['', ' REMOTE', ' SPECIAL-USE', ' REMOTE SPECIAL-USE']) {
    t.equal(
      decode(`LIST (RECURSIVEMATCH${others}) "" *`),
      'BAD RECURSIVEMATCH needs SUBSCRIBED beside it',
      others,
    );
  }
  t.equal(decode('LIST (SUBSCRIBED)"" *'), 'BAD Expected space, got "\\"\\""');
  t.end();
});

await t.test('patterns', (t) => {
  t.match(decode('LIST "" (INBOX "Sent/%" {1+}\r\n* &AOk-)'), {
    patterns: ['INBOX', 'Sent/%', '*', 'é'],
    options: { selected: new Set(), returned: new Set() },
  });
  t.match(decode('LIST "" (a)'), { patterns: ['a'], options: {} });
  t.match(decode('LIST () "" ""'), { patterns: [''], options: {} });
  t.equal(decode('LIST "" ()'), 'BAD Expected mailbox patterns, got an empty list');
  t.equal(decode('LIST "" (a (b))'), 'BAD Expected mailbox pattern, got "(b))"');
  const many = (count: number) => decode(`LIST "" (${'a '.repeat(count)})`);
  t.match(many(maxListPatterns), { patterns: { length: maxListPatterns } });
  t.equal(many(maxListPatterns + 1), `BAD More than ${maxListPatterns} mailbox patterns`);
  t.end();
});

await t.test('return options', (t) => {
  t.same(decode('LIST "" * return (Subscribed CHILDREN SPECIAL-USE)'), {
    name: 'LIST',
    reference: '',
    patterns: ['*'],
    options: {
      selected: new Set(),
      returned: new Set(['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE']),
    },
  });
  t.match(decode('LIST "" * RETURN ()'), { options: { returned: new Set() } });
  t.match(decode('LIST "" % RETURN (STATUS (MESSAGES unseen) CHILDREN)'), {
    options: { returned: new Set(['CHILDREN']), statusItems: ['MESSAGES', 'UNSEEN'] },
  });
  t.equal(decode('LIST "" * RETURN (X (1 2))'), 'BAD Unknown return option "X"');
  t.equal(decode('LIST "" * RETURN (REMOTE)'), 'BAD Unknown return option "REMOTE"');
  t.match(decode('LIST "" % RETURN (METADATA ("/shared/A" /private/b /shared/a) CHILDREN)'), {
    options: { metadataEntries: ['/shared/a', '/private/b'], returned: new Set(['CHILDREN']) },
  });
  t.match(decode('LIST "" % RETURN (METADATA /shared/a CHILDREN)'), {
    options: { metadataEntries: ['/shared/a'], returned: new Set(['CHILDREN']) },
  });
  t.equal(decode('LIST "" * RETURN (METADATA ())'), 'BAD Expected entries, got an empty list');
  t.equal(decode('LIST "" * RETURN (METADATA)'), 'BAD Expected space, got ")"');
  t.match(decode('LIST "" * RETURN (METADATA (/shared))'), /Expected an entry of/);
  t.equal(
    decode('LIST "" * RETURN (METADATA (/shared/a))', off('METADATA')),
    'BAD Unknown return option "METADATA"',
  );
  t.equal(decode('LIST "" * RETURN (STATUS)'), 'BAD Expected space, got ")"');
  t.equal(decode('LIST "" * RETURN (STATUS ())'), 'BAD Expected STATUS items, got an empty list');
  t.equal(decode('LIST "" * RETURN'), 'BAD Expected space, got end of command');
  t.equal(decode('LIST "" * SELECT ()'), 'BAD Expected RETURN, got "SELECT"');
  t.equal(decode('LIST "" * RETURN () x'), 'BAD Expected end of command, got " x"');
  const many = (count: number) => decode(`LIST "" * RETURN (${'CHILDREN '.repeat(count)})`);
  t.match(many(maxListOptions), { options: { returned: new Set(['CHILDREN']) } });
  t.equal(many(maxListOptions + 1), `BAD More than ${maxListOptions} return options`);
  t.end();
});

await t.test('what is turned off is unknown', (t) => {
  const without = off('LIST-EXTENDED');
  t.equal(decode('LIST () "" *', without), 'BAD Expected mailbox pattern, got "()"');
  t.equal(decode('LIST "" (a)', without), 'BAD Expected mailbox pattern, got "(a)"');
  t.equal(
    decode('LIST "" * RETURN (CHILDREN)', without),
    'BAD Expected end of command, got " RETURN"',
  );
  t.equal(
    decode('LIST "" * RETURN (STATUS (MESSAGES))', off('LIST-STATUS')),
    'BAD Unknown return option "STATUS"',
  );
  t.equal(
    decode('LIST "" * RETURN (SPECIAL-USE)', off('SPECIAL-USE')),
    'BAD Unknown return option "SPECIAL-USE"',
  );
  t.equal(
    decode('LIST "" * RETURN (STATUS (SIZE))', off('STATUS=SIZE')),
    'BAD Unknown STATUS item "SIZE"',
  );
  t.end();
});
