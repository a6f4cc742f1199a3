import t from 'tap';
import { checkNewUserName, findNamedAccount } from '../../../server/authentication/user-name.ts';

function accountsOf(...names: readonly string[]) {
  const asked: string[] = [];
  const findAccount = async (name: string) => {
    asked.push(name);
    const id = names.indexOf(name);
    const credentials = { argon2id: '', scramSha256: '' };
    return id === -1 ? undefined : { id, name, credentials };
  };
  return { accounts: { findAccount }, asked };
}

await t.test('an account is found as SASLprep has its name', async (t) => {
  const { accounts, asked } = accountsOf('IX', 'alice');
  t.match(await findNamedAccount(accounts, '\u2168'), { name: 'IX' });
  t.match(await findNamedAccount(accounts, 'al\u00ADice'), { name: 'alice' });
  asked.length = 0;
  t.equal(await findNamedAccount(accounts, 'bob'), undefined);
  t.strictSame(asked, ['bob'], 'once if the name is prepared already');
  t.equal(await findNamedAccount(accounts, 'al\u0007ice'), undefined);
});

await t.test('an account whose name is not prepared is found by it all the same', async (t) => {
  const { accounts } = accountsOf('IX', '\u2168');
  t.match(await findNamedAccount(accounts, '\u2168'), { name: '\u2168' });
  t.match(await findNamedAccount(accounts, 'IX'), { name: 'IX' });
});

await t.test('a new account has a name as clients write it', async (t) => {
  checkNewUserName('alice');
  checkNewUserName('andré');
  checkNewUserName('andre\u0301');
  t.throws(() => checkNewUserName('\u2168'), {
    code: 'CANNOT',
    message: 'Cannot use this account name: clients write it as "IX" (RFC 4013)',
  });
  t.throws(() => checkNewUserName('a\u05D0'), { code: 'CANNOT', message: /right-to-left/ });
});
