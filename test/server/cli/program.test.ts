import t from 'tap';
import { reprise } from './reprise.ts';

await t.test('every command explains itself', async (t) => {
  const commands = [
    [],
    ['serve'],
    ['start'],
    ['user'],
    ['user', 'add'],
    ['user', 'list'],
    ['user', 'passwd'],
    ['user', 'remove'],
    ['import'],
    ['check-config'],
    ['healthcheck'],
    ['script'],
    ['record'],
  ];
  const results = await Promise.all(commands.map((argv) => reprise([...argv, '--help'], {})));
  for (const [index, result] of results.entries()) {
    t.match(result, { code: 0, stderr: '' });
    t.match(result.stdout, `Usage: ${['reprise', ...(commands[index] ?? [])].join(' ')} `);
  }
});

await t.test('what is not a command is refused', async (t) => {
  for (const argv of [['sing'], ['user', 'sing'], ['import', 'file'], ['user', 'add']]) {
    const result = await reprise(argv, { REPRISE_DATA: t.testdir() });
    t.equal(result.code, 1, argv.join(' '));
    t.match(result.stderr, /^error: /);
  }
});
