import t from 'tap';
import {
  planResumption,
  proofKinds,
  type ProofKind,
  type ProofResult,
} from '../../../tls/index.ts';

const works = Object.fromEntries(proofKinds.map((kind) => [kind, 'resumes'])) as Record<
  ProofKind,
  ProofResult
>;

function planAfter(kind: 'stateful' | 'tickets' | 'off', results: Partial<typeof works>) {
  const versions = { nodeVersion: '', opensslVersion: '' };
  const tickets = { areTicketsRenewed: undefined, ticketKeyMode: 'native' } as const;
  const proof = { ...versions, ...tickets, reasons: {} };
  const plan = planResumption(kind, { ...proof, results: { ...works, ...results } });
  const wordsOf = ({ kind, hasTickets }: typeof plan.tls13) =>
    hasTickets && kind === 'stateful' ? 'stateful, tickets' : kind;
  return [wordsOf(plan.beforeTls13), wordsOf(plan.tls13)];
}

await t.test('what works, and what is not known, stays as it was configured', (t) => {
  const both = ['stateful, tickets', 'stateful, tickets'];
  t.strictSame(planAfter('stateful', {}), both);
  const unknown = Object.fromEntries(proofKinds.map((kind) => [kind, 'untried' as const]));
  t.strictSame(planAfter('stateful', unknown), both);
  t.strictSame(planAfter('tickets', unknown), ['tickets', 'tickets']);
  t.strictSame(planAfter('off', {}), ['off', 'off']);
  const withoutProof = planResumption('stateful');
  t.strictSame(withoutProof.tls13, { kind: 'stateful', hasTickets: true });
  t.end();
});

await t.test('what fails falls back to tickets, version by version', (t) => {
  t.strictSame(planAfter('stateful', { 'tls13-stateful': 'fails' }), [
    'stateful, tickets',
    'tickets',
  ]);
  t.strictSame(planAfter('stateful', { 'tls12-stateful': 'fails' }), [
    'tickets',
    'stateful, tickets',
  ]);
  t.end();
});

await t.test('and if tickets are not known to work, to full handshakes', (t) => {
  for (const ticket of ['fails', 'untried', 'excluded'] as const) {
    t.strictSame(
      planAfter('stateful', { 'tls13-stateful': 'fails', 'tls13-ticket': ticket })[1],
      'off',
    );
    t.strictSame(
      planAfter('stateful', { 'tls12-stateful': 'fails', 'tls12-ticket': ticket })[0],
      'off',
    );
  }
  t.strictSame(planAfter('tickets', { 'tls13-ticket': 'fails' }), ['tickets', 'off']);
  t.end();
});

await t.test('tickets that fail are given to nobody', (t) => {
  t.strictSame(planAfter('stateful', { 'tls13-hybrid': 'fails' }), [
    'stateful, tickets',
    'stateful',
  ]);
  t.strictSame(planAfter('stateful', { 'tls13-ticket': 'fails' }), [
    'stateful, tickets',
    'stateful',
  ]);
  t.strictSame(planAfter('stateful', { 'tls12-ticket': 'fails' }), [
    'stateful',
    'stateful, tickets',
  ]);
  t.end();
});
