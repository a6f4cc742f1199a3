export type { CommandHandler, CommandRequest } from './command.ts';
