import { randomBytes } from 'node:crypto';
import t from 'tap';
import {
  decodeLetter,
  encodeLetter,
  type SessionLetter,
} from '../../../../tls/sessions/threads/messages.ts';

const bytes = (length: number) => new Uint8Array(randomBytes(length));

await t.test('letters are read as they were written', async (t) => {
  const letters: SessionLetter[] = [
    { kind: 'put', id: bytes(32), session: bytes(130), options: { expiresAt: 1.5e12 + 0.25 } },
    {
      kind: 'put',
      id: bytes(32),
      session: bytes(700),
      options: {
        expiresAt: Infinity,
        address: '2001:db8::1',
        certificate: 'ab'.repeat(32),
        account: 'Jürgen 😀',
      },
    },
    { kind: 'put', id: bytes(1), session: bytes(0), options: { expiresAt: 0, account: '' } },
    { kind: 'promote', ids: [bytes(32), bytes(32)], account: 'alice' },
    { kind: 'promote', ids: [], account: '' },
    { kind: 'delete', id: bytes(32), reason: 'superseded' },
    { kind: 'delete', id: bytes(32), reason: 'cleared' },
  ];
  for (const [index, letter] of letters.entries()) {
    const number = 2 ** 32 - 3 + index;
    const read = decodeLetter(encodeLetter({ number, letter }));
    t.same(read, { number: number % 2 ** 32, letter });
  }
});
