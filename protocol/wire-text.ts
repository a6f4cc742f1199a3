export { encodeInternalDate } from './dates.ts';
export { encodeAString, encodeMailbox as encodeMailboxName } from './encoder.ts';
