import t from 'tap';
import { dayNumber, sentDayOf } from '../../store/sent-day.ts';

const rest = 'NIL NIL NIL NIL NIL NIL NIL NIL NIL)';

await t.test('dayNumber', (t) => {
  t.equal(dayNumber(1970, 1, 1), 0);
  t.equal(dayNumber(1969, 12, 31), -1);
  t.equal(dayNumber(2000, 3, 1), 11_017);
  t.equal(dayNumber(99, 1, 1), -683_368, 'year 99, not 1999');
  t.end();
});

await t.test('sentDayOf', (t) => {
  const cases: [envelope: string, day: number | undefined][] = [
    [`("Wed, 1 Mar 2000 23:59 -1200" ${rest}`, 11_017],
    [`("1-MAR-2000" ${rest}`, 11_017],
    [`({26}\r\nWed, 1 Mar 2000 23:59 -120 ${rest}`, 11_017],
    [`({10}\r\nWed, 1 Mar 2000 ${rest}`, undefined],
    [`("(\\"on\\" a Wednesday) 1 March 2000" ${rest}`, 11_017],
    [`("1 Mar 00" ${rest}`, 11_017],
    [`("1 Mar 50" ${rest}`, dayNumber(1950, 3, 1)],
    [`("1 Mar 100" ${rest}`, 11_017],
    [`("0 Mar 2000" ${rest}`, undefined],
    [`("32 Mar 2000" ${rest}`, undefined],
    [`("1 Mor 2000" ${rest}`, undefined],
    [`("" ${rest}`, undefined],
    [`(NIL "1 Mar 2000" NIL NIL NIL NIL NIL NIL NIL NIL)`, undefined],
    ['', undefined],
  ];
  for (const [envelope, day] of cases) t.equal(sentDayOf(envelope), day, JSON.stringify(envelope));
  t.end();
});
