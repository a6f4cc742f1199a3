import t from 'tap';
import { transcriptLimits } from '../../../server/transcripts/limits.ts';
import { ResponseReader } from '../../../server/transcripts/response-reader.ts';
import { literalMark } from '../../../server/transcripts/wire-value.ts';

const sent = [
  '* OK ready for {3}\r\n',
  '+ go on {2}\r\n',
  '* 1 FETCH (BODY[] {4}\r\na\r\nb BINARY[1] ~{0}\r\n)\r\n',
  'a OK\r\n',
  '* SEARCH',
].join('');

await t.test('responses are whole, wherever the network cuts them', (t) => {
  for (let size = 1; size <= sent.length; size += 1) {
    const reader = new ResponseReader();
    const responses = [];
    for (let at = 0; at < sent.length; at += size) {
      reader.push(Buffer.from(sent.slice(at, at + size), 'latin1'));
      for (let next = reader.take(); next !== undefined; next = reader.take()) responses.push(next);
    }
    t.strictSame(responses, [
      { text: '* OK ready for {3}', literals: [] },
      { text: '+ go on {2}', literals: [] },
      {
        text: `* 1 FETCH (BODY[] ${literalMark} BINARY[1] ${literalMark})`,
        literals: ['a\r\nb', ''],
      },
      { text: 'a OK', literals: [] },
    ]);
    t.equal(reader.beginning, '* SEARCH');
  }
  t.end();
});

await t.test('a response has a bound', (t) => {
  const reader = new ResponseReader();
  reader.push(Buffer.from(`* 1 FETCH (BODY[] {${transcriptLimits.responseBytes - 100}}\r\n`));
  t.throws(
    () =>
      new ResponseReader().push(
        Buffer.from(`* 1 FETCH (BODY[] {${transcriptLimits.responseBytes}}\r\n`),
      ),
    /more than 67108864 bytes/,
  );
  const endless = new ResponseReader();
  const piece = Buffer.alloc(transcriptLimits.responseBytes / 2 + 1, 'a');
  endless.push(piece);
  t.throws(() => endless.push(piece), /more than/);
  t.end();
});
