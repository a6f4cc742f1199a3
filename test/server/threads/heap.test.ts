import t from 'tap';
import { collectGarbage } from '../../../server/threads/heap.ts';

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
    t.ok(freedBytes > 8 * 1024 * 1024, `${freedBytes} octets`);
    t.equal(globalThis.gc, undefined);
  },
);
