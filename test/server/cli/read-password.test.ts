import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import t from 'tap';
import { childEnvironment } from '../../fixtures/child-environment.ts';

const isSkipped =
  spawnSync('script', ['--version']).status === 0 ? false : 'there is no script(1) for a terminal';

/** Types answers on a terminal when the questions come; what the terminal showed, and the exit code. */
async function typed(dataDirectory: string, answers: readonly string[]) {
  const program = resolve(import.meta.dirname, '../../../server/main.ts');
  const command = `${process.execPath} ${program} user add alice`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...childEnvironment, TERM: 'dumb', REPRISE_DATA: dataDirectory },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const questions = ['New password: ', 'Again: '];
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const answered = answers.length - questions.length;
    const question = questions[0];
    if (question === undefined || !shown.includes(question)) return;
    questions.shift();
    child.stdin.write(`${answers[answered] ?? ''}\r`);
  });
  const code = await new Promise((resolveCode) => child.once('close', resolveCode));
  return { shown, code };
}

await t.test('asks twice on a terminal and shows nothing', { skip: isSkipped }, async (t) => {
  const { shown, code } = await typed(t.testdir(), ['unseen', 'unseen']);
  t.equal(code, 0);
  t.match(shown, 'Added user "alice"');
  t.notMatch(shown, 'unseen');
});

await t.test('two different passwords are refused', { skip: isSkipped }, async (t) => {
  const { shown, code } = await typed(t.testdir(), ['unseen', 'unseem']);
  t.equal(code, 1);
  t.match(shown, 'reprise: The two passwords differ');
  t.notMatch(shown, 'unsee');
});
