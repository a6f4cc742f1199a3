import { makeCredentials } from '../authentication/make-credentials.ts';
import { checkNewUserName } from '../authentication/user-name.ts';
import type { Administration } from '../control/administration.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { GlobalOptions, PasswordOptions } from './command-options.ts';
import { openAdministration } from './open-administration.ts';
import { readPassword } from './read-password.ts';

/** `user add` */
export async function addUser(name: string, options: PasswordOptions): Promise<void> {
  checkNewUserName(name);
  const credentials = await makeCredentials(await readPassword(options.passwordStdin === true));
  await withAdministration(options, (administration) => administration.addUser(name, credentials));
  console.log(`Added user "${name}"`);
}

/** `user list` */
export async function listUsers(options: GlobalOptions): Promise<void> {
  await withAdministration(options, async (administration) => {
    for (const name of await administration.listUsers()) console.log(name);
  });
}

/** `user passwd` */
export async function changePassword(name: string, options: PasswordOptions): Promise<void> {
  const credentials = await makeCredentials(await readPassword(options.passwordStdin === true));
  await withAdministration(options, (administration) =>
    administration.changePassword(name, credentials),
  );
  console.log(`Changed the password of user "${name}"`);
}

/** `user remove` */
export async function removeUser(name: string, options: GlobalOptions): Promise<void> {
  await withAdministration(options, (administration) => administration.removeUser(name));
  console.log(`Removed user "${name}"`);
}

async function withAdministration(
  options: GlobalOptions,
  action: (administration: Administration) => Promise<void>,
): Promise<void> {
  const administration = await openAdministration(readCommandConfiguration(options));
  try {
    await action(administration);
  } finally {
    await administration.close();
  }
}
