import t from 'tap';
import { collectGarbage } from '../../../server/threads/heap.ts';
import { runProgram } from '../../fixtures/run-program.ts';

void t.test(
  'collectGarbage frees what has grown old, without a sign of it elsewhere',
  async (t) => {
    let old: object[] = Array.from({ length: 500_000 }, (_, number) => ({ number }));
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    t.equal(old.length, 500_000);
    old = [];
    await collectGarbage();
    const freedBytes = before - process.memoryUsage().heapUsed;
    t.ok(freedBytes > 8 * 1024 * 1024, `${freedBytes} bytes`);
    t.equal(globalThis.gc, undefined);
  },
);

// In a process of its own: flags of V8 are the process's.
void t.test('a thread that serves has the same young generation, main thread or not', async (t) => {
  const heap = JSON.stringify(import.meta.resolve('../../../server/threads/heap.ts'));
  const program = `
    import { Worker } from 'node:worker_threads';
    import { boundYoungGeneration, youngBytes } from ${heap};
    boundYoungGeneration(true);
    const code = \`
      import { parentPort } from 'node:worker_threads';
      import { youngBytes } from ${heap};
      parentPort.postMessage(youngBytes());\`;
    const worker = new Worker(code, { eval: true });
    worker.on('message', (bytes) => console.log(JSON.stringify([youngBytes(), bytes])));
  `;
  const run = await runProgram(process.execPath, ['--input-type=module', '--eval', program]);
  t.equal(run.code, 0, run.stderr);
  const sizes = JSON.parse(run.stdout.toString()) as number[];
  t.same(
    sizes.map((bytes) => Math.round(bytes / 2 ** 20)),
    [2, 2],
  );
});

// The flag that shows the collector belongs to the process.
void t.test('threads that look for their collectors at one time all find them', async (t) => {
  const heap = JSON.stringify(import.meta.resolve('../../../server/threads/heap.ts'));
  const program = `
    import { Worker } from 'node:worker_threads';
    import { collectGarbage } from ${heap};
    const hinder = new Worker(
      "const { setFlagsFromString } = require('node:v8'); for (;;) setFlagsFromString('--no-expose-gc');",
      { eval: true, execArgv: ['--input-type=commonjs'] },
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    await collectGarbage();
    console.log('collected');
    process.exit(0);
  `;
  const run = await runProgram(process.execPath, ['--input-type=module', '--eval', program]);
  t.equal(run.stdout.toString(), 'collected\n', run.stderr);
});
