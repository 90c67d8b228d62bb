/** Results that are kept for as long as what they were made of. */

/** A memory of results by an object and a key: makes what is not there. It forgets what was made of an object with it. */
export const keptBy = <A extends object, K, R>(): (of: A, key: K, make: () => R) => R => {
  const known = new WeakMap<A, Map<K, R>>();
  return (of, key, make) => {
    const kept = known.get(of) ?? new Map<K, R>();
    known.set(of, kept);
    if (!kept.has(key)) kept.set(key, make());
    return kept.get(key)!;
  };
};
