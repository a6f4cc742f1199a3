import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { maxPreparedBytes } from '../authentication/saslprep.ts';

/**
 * The new password: the first line of standard input, or what a person types twice without seeing it.
 * Rejects where there is neither.
 */
export async function readPassword(isFromStdin: boolean): Promise<string> {
  if (isFromStdin) return readFirstLine();
  if (!process.stdin.isTTY) {
    throw new PasswordInputError('Add --password-stdin to read the password from standard input');
  }
  const [password, again] = await askUnseen(['New password: ', 'Again: ']);
  if (password !== undefined && password === again) return password;
  throw new PasswordInputError('The two passwords differ');
}

/** There is no password to read; `code` marks it as clear to the operator. */
class PasswordInputError extends Error {
  readonly code = 'PASSWORD_INPUT';
}

async function readFirstLine(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = chunk as Buffer;
    chunks.push(bytes);
    size += bytes.length;
    if (bytes.includes(0x0a) || size > 2 * maxPreparedBytes) break;
  }
  const all = Buffer.concat(chunks);
  const text = all.toString('utf8').split('\n', 1)[0] ?? '';
  all.fill(0);
  return text.replace(/\r$/, '');
}

/** Asks on the terminal, which shows nothing of the answers from before the first question on. */
async function askUnseen(questions: readonly string[]): Promise<string[]> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const answers: string[] = [];
  try {
    for (const question of questions) {
      process.stderr.write(question);
      answers.push(await terminal.question(''));
      process.stderr.write('\n');
    }
  } finally {
    terminal.close();
  }
  return answers;
}
