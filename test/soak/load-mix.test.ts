import t from 'tap';
import { defaultMix, formatMix, parseMix } from './load-mix.ts';

void t.test('what is not named is as in the default', async (t) => {
  t.same(parseMix('tls12=0, reset=100'), { ...defaultMix, tls12: 0, reset: 100 });
  t.same(parseMix('login=12.5'), { ...defaultMix, login: 12.5 });
});

void t.test('reads what it writes', async (t) => {
  const mix = { ...defaultMix, abandoned: 7, lost: 0 };
  t.same(parseMix(formatMix(mix)), mix);
});

void t.test('refuses what it does not know', async (t) => {
  for (const text of [
    '',
    'tls11=5',
    'reset',
    'reset=',
    'reset=-1',
    'reset=101',
    'reset=x',
    'lost=1=2',
  ]) {
    t.throws(() => parseMix(text), { name: 'RangeError', message: /^Cannot read "/ }, text);
  }
});
