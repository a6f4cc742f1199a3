#!/usr/bin/env node
// Where Reprise starts. Plain JavaScript without imports, so that an older Node can say what it lacks.

// Node opens its debugger at SIGUSR1, on a port that every user of this machine reaches. A listener keeps it shut.
process.on('SIGUSR1', () => {});

const oldestMajor = 26;
if (Number(process.versions.node.split('.')[0]) < oldestMajor) {
  console.error(
    `Reprise needs Node ${oldestMajor} or newer, this is ${process.version}. ` +
      'In a clone, "npm ci" brings the right one, and "npm start" uses it.',
  );
  process.exitCode = 1;
} else {
  await import('./main.ts');
}
