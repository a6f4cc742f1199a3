import t from 'tap';
import { Descriptors } from '../../../server/net/descriptors.ts';

function limitsOf(limit: string): string {
  return [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max cpu time              unlimited            unlimited            seconds   ',
    `Max open files            ${limit.padEnd(20)} 1048576              files     `,
  ].join('\n');
}

await t.test('what is in use for other things, and a reserve, are not for connections', (t) => {
  let [limit, count] = ['1024', 90];
  const descriptors = new Descriptors({ readLimits: () => limitsOf(limit), count: () => count });
  t.equal(descriptors.maxConnections, Number.POSITIVE_INFINITY);
  t.equal(descriptors.refresh(10), true);
  t.equal(descriptors.maxConnections, 1024 - 64 - 80);
  count = 900;
  descriptors.refresh(700);
  t.equal(descriptors.maxConnections, 1024 - 64 - 80, 'many connections tell nothing of the rest');
  limit = '160';
  descriptors.refresh(700);
  t.equal(descriptors.maxConnections, 160 - 20 - 80);
  limit = '32';
  descriptors.refresh(700);
  t.equal(descriptors.maxConnections, 0);
  limit = 'unlimited';
  descriptors.refresh(700);
  t.equal(descriptors.maxConnections, Number.POSITIVE_INFINITY);
  t.end();
});

await t.test(
  'a system that does not say is no shortage; one without a descriptor for it is',
  (t) => {
    for (const [code, isEnough] of [
      ['ENOENT', true],
      ['EMFILE', false],
      ['ENFILE', false],
    ] as const) {
      const readLimits = () => {
        throw Object.assign(new Error(code), { code });
      };
      t.equal(new Descriptors({ readLimits, count: () => 1 }).refresh(0), isEnough, code);
    }
    t.end();
  },
);

await t.test('this process', { skip: process.platform !== 'linux' }, (t) => {
  const descriptors = new Descriptors();
  t.equal(descriptors.refresh(0), true);
  t.ok(descriptors.limit > 64);
  t.ok(descriptors.maxConnections < descriptors.limit - 3);
  t.end();
});
