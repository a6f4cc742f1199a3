// Memory that was freed between pieces that are in use goes back to the system when the server says so, with the allocator of
// glibc, which keeps it by itself: that is the control.
import t, { type Test } from 'tap';
import { runProgram } from '../fixtures/run-program.ts';

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
const skip = header.glibcVersionRuntime === undefined && 'the C library is not glibc';

/** 100 MiB in pieces of 2 KiB, of which every fortieth stays: prints how many MiB are back after the rest was freed. */
const program = `
  import { callInThread } from ${JSON.stringify(import.meta.resolve('../../server/threads/call-in-thread.ts'))};
  import { collectGarbage } from ${JSON.stringify(import.meta.resolve('../../server/threads/heap.ts'))};
  let pieces = Array.from({ length: 50_000 }, () => new Uint8Array(2_048).fill(1));
  const staying = pieces.filter((_, index) => index % 40 === 0);
  pieces = undefined;
  await collectGarbage();
  await collectGarbage();
  const kept = process.memoryUsage.rss();
  if (process.argv[1] === 'trim') await callInThread('trimAllocator', undefined);
  console.log(Math.round((kept - process.memoryUsage.rss()) / 2 ** 20), staying.length);
`;

/** MiB that are back. */
async function measure(t: Test, action: string): Promise<number> {
  const argv = ['--input-type=module', '--eval', program, action];
  const run = await runProgram(process.execPath, argv);
  t.equal(run.stderr, '', 'nothing for the log');
  return Number.parseInt(run.stdout.toString(), 10);
}

await t.test('trimAllocator gives back what lies between', { skip }, async (t) => {
  const [trimmed, control] = [await measure(t, 'trim'), await measure(t, 'keep')];
  t.comment({ trimmed, control });
  t.ok(trimmed > 60, `${trimmed} MiB`);
  t.ok(control < 20, `${control} MiB by itself`);
});
