// CPU time of the server, and bytes, for a client that comes back to a large mailbox of which it knows nearly all (QRESYNC),
// beside Dovecot with the same mail in the same run:
//
//     npm run bench -- qresync [messages] [changes] [rounds] [reconnects a round] [NAME=value of Reprise's environment …]
//
// 100,000 messages and 10 changes (flags, expunged and new messages) unless told otherwise. A reconnect is TCP, TLS 1.3 resumed,
// LOGIN, ENABLE, SELECT with what the client knows, LOGOUT. "Only SELECT" is what is left when the same without the SELECT is
// taken off. Dovecot: its high-performance mode, mdbox.
import { makeSelfSignedCertificate } from '../../tls/certificates/self-signed.ts';
import { compareCpu, type PeerCost, printCosts, printRatio } from './compare-cpu.ts';
import { logIn, password } from './everyday-timing.ts';
import { printFigure } from './figures.ts';
import type { VisitStep } from './load-client.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { startDovecot } from './peers/dovecot.ts';
import { type Peer, PeerMissingError } from './peers/peer.ts';
import { startReprise } from './peers/reprise.ts';
import { environmentOf, positionalOf } from './settings.ts';
import { fillSmall, smallMessage } from './small-mail.ts';

const argv = process.argv.slice(2);
const [messages = '100000', changes = '10', rounds = '5', reconnects = '300'] = positionalOf(argv);
const messageCount = Number(messages);
const changeCount = Number(changes);
/** V8 has compiled what is measured by then. */
const warmUpVisits = 3000;
const maxCpuMs = 5;
const maxBytes = 4096;
/** Of Dovecot's CPU. */
const maxRatio = 0.1;

const credential = await makeSelfSignedCertificate({ hostNames: ['localhost'] });
const peers: Peer[] = [];
try {
  const environment = environmentOf(argv);
  peers.push(
    await startReprise({ credential, workerCount: 2, password, environment }),
    await startDovecot({ credential, password, mailFormat: 'mdbox', loginProcessCount: 2 }),
  );
  const costs: PeerCost[] = [];
  const others: PeerCost[] = [];
  for (const peer of peers) {
    const known = await prepare(peer);
    const measured = { peers: [{ ...peer, warmUpVisits }], roundCount: Number(rounds) };
    const options = { ...measured, visitsPerRound: Number(reconnects) };
    costs.push(...(await compareCpu({ ...options, steps: steps(known) })));
    others.push(...(await compareCpu({ ...options, steps: steps() })));
  }
  printCosts(costs);
  const [reprise] = costs;
  printFigure('CPU of a reconnect', reprise!.medianMs, 'ms', { atMost: maxCpuMs });
  printRatio(reprise, costs[1], maxRatio);
  const [select, other] = costs.map(({ medianMs }, index) => medianMs - others[index]!.medianMs);
  printFigure('only SELECT', select!, 'ms');
  printFigure('only SELECT, Dovecot', other!, 'ms');
  printFigure('only SELECT: Reprise / Dovecot', select! / other!, 'times');
} catch (error) {
  if (!(error instanceof PeerMissingError)) throw error;
  console.log(`Skipped: ${error.message}`);
} finally {
  await Promise.all(peers.map((peer) => peer.stop()));
}

/** Fills the mailbox, and changes it; resolves to SELECT with what was known before. */
async function prepare(peer: Peer): Promise<string> {
  const client = await logIn(peer);
  await fillSmall(client, 'large', { messageCount, hasMultiAppend: peer.hasMultiAppend });
  await client.ok('ENABLE QRESYNC');
  await client.ok('SELECT large');
  await client.ok('STORE 1:* +FLAGS.SILENT (\\Seen)');
  const known = await describe(client);
  await change(client);
  const select = `SELECT large (QRESYNC (${known.uidValidity} ${known.modseq}))`;
  await client.ok('UNSELECT');
  const { sizeBytes } = await client.ok(select);
  printFigure(`${peer.name}: bytes of the answer to SELECT`, sizeBytes, 'bytes', {
    atMost: maxBytes,
  });
  client.close();
  return select;
}

/** UIDVALIDITY and highest modseq of the mailbox. */
async function describe(client: ImapConnection) {
  let told = '';
  client.onData = (chunk) => (told += chunk.toString('latin1'));
  await client.ok('STATUS large (UIDVALIDITY HIGHESTMODSEQ)');
  client.onData = undefined;
  const [, uidValidity] = /UIDVALIDITY (\d+)/.exec(told) ?? [];
  const [, modseq] = /HIGHESTMODSEQ (\d+)/.exec(told) ?? [];
  return { uidValidity, modseq };
}

/** A third of the changes each: flags, messages that go, and new ones; all over the mailbox. */
async function change(client: ImapConnection): Promise<void> {
  const distance = Math.floor(messageCount / (changeCount + 1));
  for (let index = 1; index <= changeCount; index++) {
    const uid = index * distance;
    if (index % 3 === 0) await client.ok('APPEND large', smallMessage(index));
    else if (index % 3 === 1) await client.ok(`UID STORE ${uid} +FLAGS.SILENT (\\Flagged)`);
    else {
      await client.ok(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
      await client.ok(`UID EXPUNGE ${uid}`);
    }
  }
}

/** A reconnect, with this SELECT if there is one. */
function steps(select?: string): readonly VisitStep[] {
  return [
    { after: '* OK', say: `a LOGIN alice ${password}` },
    { after: 'a OK', say: 'b ENABLE QRESYNC' },
    ...(select === undefined
      ? [{ after: 'b OK', say: 'd LOGOUT' }]
      : [
          { after: 'b OK', say: `c ${select}` },
          { after: 'c OK', say: 'd LOGOUT' },
        ]),
    { after: 'd OK' },
  ];
}
