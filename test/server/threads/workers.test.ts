// Several threads that look like one server: what happens in one worker counts in the others, and what ends
// one leaves the others alone.
import t from 'tap';
import type { ImapClient } from '../../fixtures/imap-client.ts';
import { plainMessage } from '../../fixtures/plain-message.ts';
import { alice, startTwoWorkers } from '../../fixtures/two-workers.ts';

await t.test('a client in IDLE hears what another worker changes', async (t) => {
  const server = await startTwoWorkers(t);
  const idler = await server.loginOn(1);
  const actor = await server.loginOn(2);
  await idler.ok('SELECT INBOX');
  await actor.ok('SELECT INBOX');
  idler.send('i IDLE\r\n');
  t.match((await idler.read()).text, /^\+ /);
  await actor.ok('APPEND INBOX', plainMessage('news'));
  t.equal((await idler.read()).text, '* 1 EXISTS');
  // Recent for one of the two, whichever looked first.
  t.match((await idler.read()).text, /^\* [01] RECENT$/);
  await actor.ok('STORE 1 +FLAGS (\\Flagged)');
  t.match((await idler.read()).text, /^\* 1 FETCH \(.*\\Flagged/);
  await actor.ok('STORE 1 +FLAGS (\\Deleted)');
  t.match((await idler.read()).text, /^\* 1 FETCH \(.*\\Deleted/);
  await actor.ok('EXPUNGE');
  t.equal((await idler.read()).text, '* 1 EXPUNGE');
});

await t.test('a change of the password sends clients of all workers away', async (t) => {
  const server = await startTwoWorkers(t);
  const clients = [await server.loginOn(1), await server.loginOn(2)];
  const session = clients[0]?.sessions.at(-1);
  const versions = { minVersion: 'TLSv1.3', ...(session !== undefined && { session }) } as const;
  const before = await server.connect('tls', versions);
  t.ok(before.isResumed, 'the session is good until then');
  const change = ['user', 'passwd', alice.name, '--password-stdin'];
  t.match(await server.process.command(change, 'other-password\n'), { code: 0 });
  for (const client of clients) {
    t.match((await client.readToEnd()).at(-1)?.text, '* BYE Account has changed');
  }
  const after = await server.connect('tls', versions);
  t.notOk(after.isResumed, 'sessions of the account are gone');
  t.match(await after.command(`LOGIN ${alice.name} ${alice.password}`), { status: 'NO' });
  await after.login(alice.name, 'other-password');
});

await t.test('a password that one worker has checked costs no other worker a check', async (t) => {
  const server = await startTwoWorkers(t, { REPRISE_LOG_LEVEL: 'debug' });
  const [first, second] = [await server.connectTo(1), await server.connectTo(2)];
  const cpuMs = async (client: ImapClient) => {
    const before = await server.process.cpuMs();
    await client.login(alice.name, alice.password);
    return (await server.process.cpuMs()) - before;
  };
  const [checked, remembered] = [await cpuMs(first), await cpuMs(second)];
  t.comment(`${checked.toFixed(1)} ms of CPU, then ${remembered.toFixed(1)} ms`);
  t.ok(remembered < checked / 2);
});

await t.test('a worker that crashes is replaced, and nobody else notices', async (t) => {
  const server = await startTwoWorkers(t);
  const [victim, bystander] = [await server.loginOn(1), await server.loginOn(2)];
  await bystander.ok('SELECT INBOX');
  const session = victim.sessions.at(-1);
  const gone = victim.readToEnd();
  t.match(await server.crash(1), { worker: 1, err: { message: 'boom' } });
  const start = performance.now();
  await gone;
  await server.logged('worker replaced');
  t.comment(`replaced after ${Math.round(performance.now() - start)} ms`);
  await bystander.ok('APPEND INBOX', plainMessage('still here'));
  const returning = await server.login('tls', session === undefined ? {} : { session });
  t.ok(returning.isResumed, 'its client resumes');
  const fresh = await server.loginOn(1);
  const { untagged } = await fresh.ok('SELECT INBOX');
  t.ok(untagged.some(({ text }) => text === '* 1 EXISTS'));
  t.equal(server.process.faults.length, 1, 'the crash is all that went wrong');
});

await t.test('a worker that crashes again and again ends the server', async (t) => {
  const server = await startTwoWorkers(t, {}, 1);
  const client = await server.loginOn(2);
  for (let crash = 1; crash <= 5; crash++) {
    await server.crash(1);
    if (crash < 5) await server.logged('worker replaced', crash);
  }
  t.match(await server.logged('cannot go on'), {
    level: 'fatal',
    err: { message: 'Worker 1 has crashed 5 times in a row' },
  });
  t.match((await client.readToEnd()).at(-1)?.text, /^\* BYE /, 'in an orderly way');
});
