import t from 'tap';
import { startProcess } from './start-process.ts';

await t.test('an older Node says in one line what it needs', async (t) => {
  const older =
    'Object.defineProperty(process, "versions", { value: { node: "20.11.1" } });' +
    'Object.defineProperty(process, "version", { value: "v20.11.1" });';
  const process = startProcess(
    ['start'],
    {},
    { nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(older)}`] },
  );
  t.equal(await process.exitCode, 1);
  t.equal(process.errors.length, 1);
  t.match(process.errors[0], /^Reprise needs Node 26 or newer, this is v20\.11\.1\./);
});

await t.test('the Node of the project runs the program', async (t) => {
  const process = startProcess(['--version'], {});
  t.equal(await process.exitCode, 0);
  t.match(process.output[0], /^\d+\.\d+\.\d+$/);
});
