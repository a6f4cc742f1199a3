import t from 'tap';
import { findBaseSubject } from '../../../protocol/mime/base-subject.ts';

await t.test('base subjects', (t) => {
  const cases: [subject: string, base: string, isReplyOrForward: boolean][] = [
    ['Lunch', 'Lunch', false],
    ['', '', false],
    ['  Lunch \t today  ', 'Lunch today', false],
    ['Re: Lunch', 'Lunch', true],
    ['RE : lunch', 'lunch', true],
    ['fw: Lunch', 'Lunch', true],
    ['FWD: Re: fwd: Lunch', 'Lunch', true],
    ['Re[2]: Lunch', 'Lunch', true],
    ['Re [list] : Lunch', 'Lunch', true],
    ['[list] Re: Lunch', 'Lunch', true],
    ['[one] [two] Re: Lunch', 'Lunch', true],
    ['[list] Lunch', 'Lunch', false],
    ['[a][b] Lunch', 'Lunch', false],
    ['[list]', '[list]', false],
    ['[a] [b]', '[b]', false],
    ['Re: [list]', '[list]', true],
    ['Lunch (fwd)', 'Lunch', true],
    ['Lunch (FWD) (fwd) ', 'Lunch', true],
    ['[Fwd: Lunch]', 'Lunch', true],
    ['[fwd: [fwd: Re: Lunch (fwd)] ]', 'Lunch', true],
    ['[fwd: Lunch', '[fwd: Lunch', false],
    ['Review: Lunch', 'Review: Lunch', false],
    ['Re Lunch', 'Re Lunch', false],
    ['Lunch Re: dinner', 'Lunch Re: dinner', false],
    ['[broken Re: Lunch', '[broken Re: Lunch', false],
    ['Re:', '', true],
    ['(fwd)', '', true],
  ];
  for (const [subject, base, isReplyOrForward] of cases) {
    t.same(findBaseSubject(subject), { text: base, isReplyOrForward }, JSON.stringify(subject));
  }
  t.end();
});

await t.test('a subject of any length takes time that grows with it', (t) => {
  const long = 50_000;
  for (const subject of [
    '[x]'.repeat(long),
    '['.repeat(long),
    're:'.repeat(long),
    `${'[fwd:'.repeat(long)}x${']'.repeat(long)}`,
    `x${'(fwd)'.repeat(long)}`,
    `x${' ('.repeat(long)}`,
  ]) {
    // The time limit of the test judges it.
    t.ok(findBaseSubject(subject).text.length <= subject.length);
  }
  t.end();
});
