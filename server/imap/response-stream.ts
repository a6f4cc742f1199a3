export { ConnectionLostError } from './command.ts';
export { Responses as ResponseStream } from './responses.ts';
