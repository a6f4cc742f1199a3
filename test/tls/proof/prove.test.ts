import { Server } from 'node:tls';
import t from 'tap';
import {
  planResumption,
  proofKinds,
  proveResumption,
  type ProveResumptionOptions,
  RandomTicketKeys,
  type ResumptionProof,
} from '../../../tls/index.ts';
import { type BrokenPart, breakResumption } from '../../fixtures/broken-resumption.ts';
import { collectGarbage } from '../../fixtures/collect-garbage.ts';
import { lifetimeMs, startForTest } from '../../fixtures/tls-acceptor-server.ts';
import { until } from '../../fixtures/until.ts';
import { type TlsVersion, visitWithNode } from '../../fixtures/tls-visit.ts';

const stateful = { kind: 'stateful', policy: 'intermediate' } as const;

/** The verdict with parts of Node broken. */
async function proveBroken(
  parts: readonly BrokenPart[],
  options: ProveResumptionOptions = stateful,
): Promise<ResumptionProof> {
  const mend = breakResumption(parts);
  try {
    return await proveResumption(options);
  } finally {
    mend();
  }
}

/** In the order of `proofKinds`. */
function resultsOf({ results }: ResumptionProof): readonly string[] {
  return proofKinds.map((kind) => results[kind]);
}

await t.test('every kind that a server needs resumes with this Node', async (t) => {
  const [yes, no] = ['resumes', 'excluded'];
  const clientCertificates = { isRequired: true };
  const cases: readonly (readonly [ProveResumptionOptions, readonly string[]])[] = [
    [stateful, [yes, yes, no, no, yes]],
    [{ kind: 'stateful', policy: 'legacy' }, [yes, yes, no, no, yes]],
    [{ kind: 'stateful', policy: 'modern' }, [no, yes, no, no, yes]],
    [{ kind: 'tickets', policy: 'intermediate' }, [no, no, yes, yes, no]],
    [{ kind: 'tickets', policy: 'modern' }, [no, no, no, yes, no]],
    [{ ...stateful, clientCertificates }, [yes, yes, no, no, no]],
    [{ ...stateful, clientCertificates: { isRequired: false } }, [yes, yes, no, no, no]],
    [{ kind: 'tickets', policy: 'modern', clientCertificates }, [no, no, no, no, no]],
    [{ kind: 'off', policy: 'intermediate' }, [no, no, no, no, no]],
  ];
  for (const [options, results] of cases) {
    const proof = await proveResumption(options);
    t.strictSame(resultsOf(proof), results, JSON.stringify(options));
    t.strictSame(proof.reasons, {});
    t.equal(proof.nodeVersion, process.versions.node);
    t.strictSame(structuredClone(proof), proof, 'plain data');
  }
});

await t.test('what is broken fails, and nothing else', async (t) => {
  const full = 'the handshake is a full one';
  const no13 = await proveBroken(['tls13-stateful']);
  t.strictSame(resultsOf(no13), ['resumes', 'fails', 'excluded', 'resumes', 'resumes']);
  t.strictSame(no13.reasons, { 'tls13-stateful': full });
  const no12 = await proveBroken(['tls12-stateful']);
  t.strictSame(resultsOf(no12), ['fails', 'resumes', 'resumes', 'excluded', 'resumes']);
  const noTickets = await proveBroken(['tickets']);
  t.strictSame(resultsOf(noTickets), ['resumes', 'resumes', 'excluded', 'fails', 'fails']);
  const asked = { ...stateful, clientCertificates: { isRequired: true } };
  t.equal((await proveBroken(['tls13-stateful'], asked)).results['tls13-stateful'], 'fails');
});

await t.test('a hook for ticket keys that does not work is not used', async (t) => {
  t.match(await proveResumption(stateful), { ticketKeyMode: 'native', areTicketsRenewed: true });
  t.teardown(breakResumption(['ticket-hook']));
  const proof = await proveResumption(stateful);
  t.match(proof, { ticketKeyMode: 'per_key', areTicketsRenewed: false, reasons: {} });
  const resumes = 'resumes';
  t.strictSame(resultsOf(proof), [resumes, resumes, 'excluded', 'excluded', resumes]);
  const ticketKeys = new RandomTicketKeys({ lifetimeMs });
  t.teardown(() => ticketKeys.close());
  const resumption = { kind: 'tickets', ticketKeys } as const;
  const blind = await startForTest(t, { resumption });
  t.equal(await countResumed(blind.server.port, 'TLSv1.3'), 0, 'without the verdict');
  const { server } = await startForTest(t, { resumption, proof });
  t.equal(await countResumed(server.port, 'TLSv1.3'), 5, 'with it');
});

await t.test('a hook that lets no handshake succeed is not used, in no mode', async (t) => {
  t.teardown(breakResumption(['ticket-hook-refused']));
  const [yes, no] = ['resumes', 'excluded'];
  const cases: readonly (readonly [ProveResumptionOptions, readonly string[]])[] = [
    [stateful, [yes, yes, no, no, yes]],
    // Without a cache nothing but the hook is tried.
    [{ kind: 'tickets', policy: 'intermediate' }, [no, no, yes, yes, no]],
    [{ kind: 'tickets', policy: 'modern' }, [no, no, no, yes, no]],
  ];
  for (const [options, results] of cases) {
    const proof = await proveResumption(options);
    t.equal(proof.ticketKeyMode, 'per_key', JSON.stringify(options));
    t.strictSame(resultsOf(proof), results);
  }
});

await t.test('nor a hook that renews no ticket', async (t) => {
  for (const options of [stateful, { kind: 'tickets', policy: 'modern' } as const]) {
    const proof = await proveBroken(['ticket-renewal'], options);
    t.match(proof, { ticketKeyMode: 'per_key', areTicketsRenewed: false, reasons: {} });
  }
});

await t.test('a hook that is not there is not used, whatever could be tried', async (t) => {
  for (const others of [[], ['client']] as const) {
    for (const kind of ['stateful', 'tickets'] as const) {
      const options = { kind, policy: 'modern' } as const;
      const proof = await proveBroken(['ticket-hook-missing', ...others], options);
      t.equal(proof.ticketKeyMode, 'per_key', kind);
    }
  }
});

await t.test('a server that gives no session fails', async (t) => {
  const proof = await proveBroken(['no-session']);
  t.strictSame(resultsOf(proof), Array(5).fill('fails'));
  t.strictSame(new Set(Object.values(proof.reasons)), new Set(['no session is given']));
});

await t.test('a version that cannot be spoken says nothing about resumption', async (t) => {
  const proof = await proveBroken(['tls12']);
  t.strictSame(resultsOf(proof), ['untried', 'resumes', 'untried', 'excluded', 'resumes']);
  t.match(proof, { ticketKeyMode: 'native', reasons: { 'tls12-stateful': /handshake failure/ } });
});

await t.test('nothing is left of a proof but the verdict', async (t) => {
  const open = new Set<Server>();
  let contextCount = 0;
  const { setSecureContext } = Server.prototype;
  Server.prototype.setSecureContext = function (this: Server, options) {
    setSecureContext.call(this, options);
    open.add(this);
    contextCount += 1;
    const { context } = (this as unknown as { _sharedCreds: { context: { close(): void } } })
      ._sharedCreds;
    const close = context.close.bind(context);
    context.close = () => {
      open.delete(this);
      close();
    };
  };
  t.teardown(() => (Server.prototype.setSecureContext = setSecureContext));
  const keys: WeakRef<RandomTicketKeys>[] = [];
  const { subscribe } = RandomTicketKeys.prototype;
  RandomTicketKeys.prototype.subscribe = function (listener) {
    keys.push(new WeakRef(this));
    return subscribe.call(this, listener);
  };
  t.teardown(() => (RandomTicketKeys.prototype.subscribe = subscribe));
  await proveResumption(stateful);
  t.ok(contextCount > 2);
  // The last connections have still to close.
  await until(() => open.size === 0, 10_000);
  t.ok(keys.length > 0);
  for (let round = 0; round < 5; round++) await collectGarbage();
  t.ok(
    keys.every((key) => key.deref() === undefined),
    'and no key rotates for nobody',
  );
});

await t.test('a handshake that does not end fails too, and is not waited for', async (t) => {
  const proof = await proveBroken(['hanging']);
  t.strictSame(resultsOf(proof), ['fails', 'fails', 'resumes', 'resumes', 'resumes']);
  t.equal(proof.reasons['tls12-stateful'], 'the handshake does not end');
});

await t.test(
  'a client that does not offer its session says nothing about the server',
  async (t) => {
    const proof = await proveBroken(['client', 'tls13-stateful']);
    t.strictSame(resultsOf(proof), Array(5).fill('untried'));
    t.equal(proof.reasons['tls13-stateful'], 'the client offers no session');
    t.strictSame(planResumption('stateful', proof), planResumption('stateful'));
    t.equal(proof.ticketKeyMode, 'native', 'nor about the hook');
  },
);

await t.test(
  'a client that cannot need tickets beside the cache says nothing of them',
  async (t) => {
    const reasons = {
      x448: 'no client here can speak it (Failed to set ECDH curve)',
      'x448-unused': 'the cache serves the client',
    };
    for (const part of ['x448', 'x448-unused'] as const) {
      const proof = await proveBroken([part]);
      t.strictSame(
        resultsOf(proof),
        ['resumes', 'resumes', 'excluded', 'resumes', 'untried'],
        part,
      );
      t.match(proof, { ticketKeyMode: 'native', areTicketsRenewed: true }, 'others do');
      t.strictSame(proof.reasons, { 'tls13-hybrid': reasons[part] });
      t.strictSame(planResumption('stateful', proof), planResumption('stateful'));
      const perKey = await proveBroken([part, 'ticket-hook']);
      t.match(
        perKey,
        { ticketKeyMode: 'per_key', areTicketsRenewed: false },
        'also of a broken hook',
      );
    }
  },
);

/** How many of five reconnections are resumed. */
async function countResumed(port: number, version: TlsVersion): Promise<number> {
  let resumedCount = 0;
  let { sessions } = await visitWithNode({ port, version });
  for (let round = 0; round < 5; round++) {
    const visit = await visitWithNode({ port, version, session: sessions.at(-1) });
    if (visit.isResumed) resumedCount++;
    if (visit.sessions.length > 0) sessions = visit.sessions;
  }
  return resumedCount;
}

await t.test(
  'with the verdict real clients resume by tickets, without it not at all',
  async (t) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const broken = version === 'TLSv1.2' ? 'tls12-stateful' : 'tls13-stateful';
      const mend = breakResumption([broken]);
      const proof = await proveResumption(stateful);
      const blind = await startForTest(t);
      t.equal(await countResumed(blind.server.port, version), 0, `${version} without`);
      const { server } = await startForTest(t, { proof });
      t.equal(await countResumed(server.port, version), 5, `${version} with`);
      const modes = server.events.map((event) => event.kind === 'handshake' && event.mode);
      t.strictSame(modes, Array(6).fill('ticket'));
      const [other] = version === 'TLSv1.2' ? (['TLSv1.3'] as const) : (['TLSv1.2'] as const);
      t.equal(await countResumed(server.port, other), 5, `${other} is not touched`);
      t.match(server.events.at(-1), { kind: 'handshake', mode: 'stateful', outcome: 'resumed' });
      mend();
    }
  },
);

await t.test('with neither, clients are given no sessions that could not be used', async (t) => {
  t.teardown(breakResumption(['tls13-stateful', 'tickets']));
  const proof = await proveResumption(stateful);
  const { server, cache } = await startForTest(t, { proof });
  const { sessions } = await visitWithNode({ port: server.port, version: 'TLSv1.3' });
  t.match(server.events.at(-1), { kind: 'handshake', mode: 'none' });
  const visit = await visitWithNode({
    port: server.port,
    version: 'TLSv1.3',
    session: sessions.at(-1),
  });
  t.equal(visit.isResumed, false);
  t.equal(cache.stats().entryCount, 0);
});
