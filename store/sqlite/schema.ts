/** What a row of `bodies` is. */
export const bodyState = {
  /** Chunks of a draft that is not added yet; nobody can find it. */
  staged: 0,
  /** A body that messages can refer to. */
  whole: 1,
  /** The collector deletes its chunks; nobody can find it. */
  dropped: 2,
} as const;

/** The tables of the writer's connection: the messages that a statement is about, and a keyword mapping. */
export const temporaryTables = `
  CREATE TEMP TABLE selection (uid INTEGER PRIMARY KEY) STRICT;
  CREATE TEMP TABLE keyword_map (
    low INTEGER NOT NULL, high INTEGER NOT NULL,
    new_low INTEGER NOT NULL, new_high INTEGER NOT NULL,
    PRIMARY KEY (low, high)
  ) STRICT, WITHOUT ROWID;
`;
