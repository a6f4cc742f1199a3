import t from 'tap';
import { HeaderByteCheck } from '../../../protocol/mime/header-bytes.ts';

/** Whether a byte above 127 is found in the header of a message that comes in pieces of so many bytes. */
function isFound(message: string, pieceBytes: number): boolean {
  const bytes = Buffer.from(message);
  const check = new HeaderByteCheck();
  let isFound = false;
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (check.find(bytes.subarray(at, at + pieceBytes))) isFound = true;
  }
  return isFound;
}

await t.test('bytes above 127 are found in the header only', (t) => {
  for (const [message, expected] of [
    ['Subject: é\r\n\r\nx', true],
    ['Subject: x\r\n é\r\n\r\nx', true],
    ['Subject: x\r\n\r\né', false],
    ['Subject: x\n\né', false],
    ['\r\né', false],
    ['\né', false],
    ['é', true],
    ['', false],
    ['Subject: x\r\n \r\né: y\r\n\r\n', true],
  ] as const) {
    for (const pieceBytes of [1, 2, 100]) {
      t.equal(isFound(message, pieceBytes), expected, `${JSON.stringify(message)}, ${pieceBytes}`);
    }
  }
  t.end();
});
