import t from 'tap';
import {
  parseClientFinal,
  parseClientFirst,
  ScramSyntaxError,
} from '../../../server/authentication/scram-message.ts';

await t.test('the first message of RFC 7677, section 3, and others', async (t) => {
  t.strictSame(parseClientFirst('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'), {
    binding: 'n',
    gs2Header: 'n,,',
    authorizationId: '',
    userName: 'user',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    bare: 'n=user,r=rOprNGfwEbeRWgbNEkqO',
  });
  t.match(parseClientFirst('p=tls-exporter,a=b=2Cc,n=x=3Dy=2Cz,r=!~,t=an extension'), {
    binding: { type: 'tls-exporter' },
    gs2Header: 'p=tls-exporter,a=b=2Cc,',
    authorizationId: 'b,c',
    userName: 'x=y,z',
    nonce: '!~',
    bare: 'n=x=3Dy=2Cz,r=!~,t=an extension',
  });
  t.match(parseClientFirst('y,,n=andré,r=a'), { binding: 'y', userName: 'andré' });
});

await t.test('no first message', async (t) => {
  for (const text of [
    '',
    'n,',
    'n=user,r=abc',
    'x,,n=user,r=abc',
    'p=,,n=user,r=abc',
    'n,b,n=user,r=abc',
    'n,a=,n=user,r=abc',
    'n,,n=,r=abc',
    'n,,m=needed,n=user,r=abc',
    'n,,n=user',
    'n,,n=user,r=',
    'n,,n=user,r=a b',
    'n,,n=user,r=é',
    'n,,n=us=er,r=abc',
    'n,,n=user=2c,r=abc',
    'n,,n=us\0er,r=abc',
    'n,,n=user,r=abc,',
    'n,,n=user,r=abc,what',
  ]) {
    t.throws(() => parseClientFirst(text), ScramSyntaxError, JSON.stringify(text));
  }
});

const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';

await t.test('the last message of RFC 7677, section 3, and others', async (t) => {
  t.strictSame(parseClientFinal(`c=biws,r=${nonce},p=${proof}`), {
    channelBinding: Buffer.from('n,,'),
    nonce,
    proof: Buffer.from(proof, 'base64'),
    withoutProof: `c=biws,r=${nonce}`,
  });
  t.match(parseClientFinal(`c=biws,r=${nonce},x=y,p=${proof}`), {
    withoutProof: `c=biws,r=${nonce},x=y`,
  });
});

await t.test('no last message', async (t) => {
  for (const text of [
    '',
    `c=biws,r=${nonce}`,
    `c=biws,p=${proof}`,
    `r=${nonce},p=${proof}`,
    `r=${nonce},c=biws,p=${proof}`,
    `c=,r=${nonce},p=${proof}`,
    `c=bi,r=${nonce},p=${proof}`,
    `c=biws,r=${nonce},p=`,
    `c=biws,r=${nonce},p=biws`,
    `c=biws,r=${nonce},p=${proof}${proof}`,
    `c=biws,r=${nonce},what,p=${proof}`,
  ]) {
    t.throws(() => parseClientFinal(text), ScramSyntaxError, JSON.stringify(text));
  }
});
