// How many clients are served, and when, that all come from one address at one instant:
//
//     npm run bench -- morning [clients] [imaps|starttls] [NAME=value of its environment …]
//
// They have fifty accounts whose passwords the server remembers. All TCP connections are there first; then each client
// makes a full handshake and logs in.
import { printMorning, runMorning } from './morning-run.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [clients = '1000', kind = 'imaps'] = positionalOf(process.argv.slice(2));
printMorning(
  await runMorning({
    count: Number(clients),
    security: kind === 'starttls' ? 'starttls' : 'tls',
    environment: environmentOf(process.argv.slice(2)),
  }),
);
