/** How messages are threaded. @see RFC 5256, section 3 (THREAD); draft-ietf-morg-inthread (REFS) */
export type ThreadAlgorithm = 'ORDEREDSUBJECT' | 'REFERENCES' | 'REFS';
