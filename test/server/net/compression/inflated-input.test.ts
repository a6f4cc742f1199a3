import { setImmediate as nextRound } from 'node:timers/promises';
import { constants, createDeflateRaw, deflateRawSync } from 'node:zlib';
import t from 'tap';
import { InflatedInput } from '../../../../server/net/compression/inflated-input.ts';
import {
  inflatedPieceBytes,
  maxCodesPerPiece,
  windowBytes,
} from '../../../../server/net/compression/limits.ts';
import { emptyBlocks } from '../../../fixtures/empty-blocks.ts';

const deflate = (bytes: Uint8Array | string): Buffer =>
  deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });

/** A receiver that pauses when it has been given so many pieces, and what it was given. */
function startInput(piecesPerTurn = Infinity) {
  const given: Buffer[] = [];
  const events: string[] = [];
  let left = piecesPerTurn;
  const input = new InflatedInput(
    {
      receiveBytes: (bytes) => {
        given.push(bytes);
        left -= 1;
        if (left === 0) input.pause();
      },
      receiveEnd: () => void events.push('end'),
      receiveUnreadable: ({ message }) => void events.push(message),
    },
    {
      onStarved: () => void events.push('starved'),
      onBehind: () => void events.push('behind'),
    },
  );
  const resume = (): void => {
    left = piecesPerTurn;
    input.resume();
  };
  const heldBytes = (): number => input.heldBytes;
  return { input, resume, given, events, heldBytes, text: () => Buffer.concat(given).toString() };
}

await t.test('a receiver that pauses is given nothing more, and then the rest', async (t) => {
  const { input, resume, given, events } = startInput(1);
  input.push(deflate(Buffer.alloc(3 * inflatedPieceBytes)));
  t.equal(given.length, 1, 'of a bomb only the first piece');
  t.same(events, []);
  await nextRound();
  t.equal(given.length, 1);
  resume();
  t.equal(given.length, 1, 'not within the call: who resumes is about to wait');
  await nextRound();
  t.equal(given.length, 2);
  t.same(events, [], 'and nothing is read from the client meanwhile');
  for (let turn = 0; turn < 3; turn++) {
    resume();
    await nextRound();
  }
  t.equal(Buffer.concat(given).length, 3 * inflatedPieceBytes);
  t.equal(events.at(0), 'starved', 'now more is read');
});

await t.test(
  'blocks with nothing in them are read in several turns, and nothing comes meanwhile',
  async (t) => {
    const { input, events, text } = startInput();
    const turns = 3;
    input.push(Buffer.concat([emptyBlocks(turns * maxCodesPerPiece + 1), deflate('one ')]));
    for (let turn = 0; turn < turns; turn++) {
      t.equal(text(), '');
      t.same(
        events,
        Array.from({ length: turn + 1 }, () => 'behind'),
      );
      await nextRound();
    }
    t.equal(text(), 'one ');
    t.equal(events.at(-1), 'starved', 'now more is read');
  },
);

await t.test('what comes nevertheless waits for its turn, and so does the end', async (t) => {
  const { input, resume, events, text } = startInput();
  input.push(emptyBlocks(maxCodesPerPiece + 1));
  input.push(deflate('one '));
  t.equal(text(), '');
  input.pause();
  await nextRound();
  t.equal(text(), '', 'not while the receiver has enough');
  resume();
  input.end();
  t.equal(events.includes('end'), false);
  await nextRound();
  t.equal(text(), 'one ');
  t.same(events, ['behind', 'end', 'starved']);
  const stopped = startInput();
  stopped.input.push(emptyBlocks(maxCodesPerPiece + 1));
  stopped.input.stop();
  await nextRound();
  t.same(stopped.events, ['behind']);
});

await t.test('what comes while the receiver pauses is kept for it', async (t) => {
  const { input, resume, text } = startInput();
  input.pause();
  input.push(deflate('one '));
  input.push(deflate('two '));
  t.equal(text(), '');
  resume();
  await nextRound();
  t.equal(text(), 'one two ');
});

await t.test('the end of the stream is the end of what the client says', (t) => {
  const { input, events, text } = startInput();
  input.push(deflateRawSync('bye'));
  input.push(deflate('more'));
  t.equal(text(), 'bye');
  t.same(events, ['end', 'starved']);
  t.end();
});

await t.test('the end is told behind what is still to be given', async (t) => {
  const { input, resume, events, text } = startInput();
  input.pause();
  input.push(deflate('one'));
  input.end();
  t.same(events, []);
  resume();
  await nextRound();
  t.equal(text(), 'one');
  t.equal(events[0], 'end');
  const idle = startInput();
  idle.input.end();
  t.same(idle.events, ['end'], 'at once if there is nothing');
});

await t.test('what is no DEFLATE is told once', (t) => {
  const { input, events, text } = startInput();
  input.push(deflate('one'));
  input.push(Buffer.from('a NOOP\r\n'));
  input.push(Buffer.from('b NOOP\r\n'));
  t.equal(text(), 'one');
  t.same(events, ['starved', 'Cannot inflate what was sent: a stored block has two sizes']);
  t.end();
});

await t.test('once it is stopped nothing is given', async (t) => {
  const { input, resume, text } = startInput();
  input.pause();
  input.push(deflate('one'));
  resume();
  input.stop();
  await nextRound();
  input.push(deflate('two'));
  t.equal(text(), '');
});

await t.test('what an idle client has said is packed, and used again', async (t) => {
  const { input, text, heldBytes } = startInput();
  const deflated = createDeflateRaw();
  const say = async (bytes: string): Promise<void> => {
    deflated.write(bytes);
    await new Promise<void>((resolve) => deflated.flush(constants.Z_SYNC_FLUSH, resolve));
    input.push(deflated.read() as Buffer);
  };
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) await nextRound();
  };
  const said = 'a STATUS "Sent" (MESSAGES)\r\n'.repeat(2_000);
  await say(said);
  input.sweep();
  await settle();
  t.equal(heldBytes(), windowBytes, 'not at once');
  input.sweep();
  t.equal(heldBytes(), windowBytes, 'in a turn of its own');
  await settle();
  t.ok(heldBytes() < 1024, `${heldBytes()} bytes`);
  await say(said);
  t.equal(text() === said + said, true);
  t.equal(heldBytes(), windowBytes);
  input.sweep();
  input.sweep();
  await say('b NOOP\r\n');
  await settle();
  t.equal(heldBytes(), windowBytes, 'not if it has spoken meanwhile');
});
