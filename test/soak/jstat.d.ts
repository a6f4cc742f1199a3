/** What is used of jstat, which brings no types. */
declare module 'jstat' {
  const jStat: {
    readonly models: {
      /** Ordinary least squares. Each row of `exogenous` has a value for each coefficient. */
      ols(
        endogenous: readonly number[],
        exogenous: readonly (readonly number[])[],
      ): {
        readonly coef: readonly number[];
        readonly t: { readonly interval95: readonly (readonly [number, number])[] };
      };
    };
  };
  // The module has no named exports.
  // oxlint-disable-next-line import/no-default-export
  export default jStat;
}
