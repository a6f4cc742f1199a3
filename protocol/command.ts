export type { Command, StreamingCommand as AppendCommand } from './grammar/commands.ts';
export type { StatusItem } from './grammar/status.ts';
export type { InternalDate } from './dates.ts';
