export { ByeError, CommandRefusedError } from './command.ts';
