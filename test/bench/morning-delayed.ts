// How many clients are served, and when, that come from one address, a thousand a second, from 300 ms away:
//
//     npm run bench -- morning-delayed [a second] [seconds] [imaps|starttls] [NAME=value of its environment …]
//
// Between them and the server is a proxy that holds back each byte by half a round trip. They have fifty accounts whose
// passwords the server remembers.
import { printMorning, runMorning } from './morning-run.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [perSecond = '1000', seconds = '5', kind = 'imaps'] = positionalOf(process.argv.slice(2));
printMorning(
  await runMorning({
    count: Number(perSecond) * Number(seconds),
    security: kind === 'starttls' ? 'starttls' : 'tls',
    arrival: { perSecond: Number(perSecond), roundTripMs: 300 },
    environment: environmentOf(process.argv.slice(2)),
  }),
);
