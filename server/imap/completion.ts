export type { Completion } from './command.ts';
