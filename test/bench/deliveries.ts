// CPU time of the server for a message that comes into a large mailbox in which a client idles:
//
//     npm run bench -- deliveries [deliveries] [messages] [NAME=value of its environment …]
//
// Another session appends one message after the other, 5,000 of them to a mailbox of 100,000. What the last 500 cost is
// to be what the first 500 did; before these, 1,000 go to a mailbox that nobody has selected, so that V8 has compiled
// what runs often.
import { BenchServer, fillInbox } from './bench-server.ts';
import { printFigure } from './figures.ts';
import type { ImapConnection } from './load/imap-connection.ts';
import { environmentOf, positionalOf } from './settings.ts';

const [deliveries = '5000', messages = '100000'] = positionalOf(process.argv.slice(2));
const deliveryCount = Number(deliveries);
const stepCount = 500;
const warmUpCount = 1_000;
/** What comes beside the cost of a delivery: rounds differ by that much where nothing grows. */
const allowedRatio = 1.25;

const server = await BenchServer.start({
  accounts: ['alice'],
  environment: environmentOf(process.argv.slice(2)),
});
try {
  const filler = await server.login('alice');
  await fillInbox(filler, Number(messages));
  filler.close();
  await server.restart();
  const sender = await server.login('alice');
  for (let number = 0; number < warmUpCount; number++) await deliver(sender, 'Archive', number);
  const { told, close } = await idle();
  const costs: number[] = [];
  for (let number = 0; number < deliveryCount; number += stepCount) {
    const beforeMs = await server.process.cpuMs();
    for (let step = 0; step < stepCount; step++) await deliver(sender, 'INBOX', number + step);
    costs.push(((await server.process.cpuMs()) - beforeMs) / stepCount);
  }
  const [first = Number.NaN, last = Number.NaN] = [costs[0], costs.at(-1)];
  console.log(`each ${stepCount}: ${costs.map((cost) => cost.toFixed(2)).join(' ')} ms each`);
  printFigure('CPU of a delivery, first', first, 'ms');
  printFigure('CPU of a delivery, last', last, 'ms', { atMost: first * allowedRatio });
  printFigure('lines that the idling client was told', told(), '');
  close();
  sender.close();
} finally {
  await server.stop();
}

async function idle(): Promise<{ told: () => number; close: () => void }> {
  const client = await server.login('alice');
  await client.ok('SELECT INBOX');
  await client.idle();
  let lineCount = 0;
  client.onData = (chunk) => {
    for (const byte of chunk) if (byte === 0x0a) lineCount++;
  };
  return { told: () => lineCount, close: () => client.close() };
}

async function deliver(sender: ImapConnection, mailbox: string, number: number): Promise<void> {
  const message = `Subject: Delivery ${number}\r\nFrom: a@mail.example\r\n\r\nHello ${number}\r\n`;
  await sender.ok(`APPEND ${mailbox}`, Buffer.from(message));
}
