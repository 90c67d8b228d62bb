/** Colours of arms: an arm that many figures have has the same colour in all of them. */

/** Arms by their colour, the baseline first. */
const KNOWN = [
  "resampler-84-84",
  "cos-20-84",
  "cos-8-132",
  "cos-20-20",
  "resampler-20-20",
  "linear-64-64-at-112",
];

/** The arm of a label: `run · arm, seed 1` and `arm: 20 → 84` are about `arm`. */
const armOf = (label: string): string => label.replace(/^.* · /, "").replace(/[:,].*$/, "");

/** Places in the palette of some labels: those of known arms are the same everywhere, others take what is free, in order. */
export const slotsOf = (labels: readonly string[]): readonly number[] => {
  const taken = new Map<string, number>();
  for (const label of labels) {
    const slot = KNOWN.indexOf(armOf(label));
    if (slot >= 0 && ![...taken.values()].includes(slot)) taken.set(label, slot);
  }
  for (const label of labels) {
    if (taken.has(label)) continue;
    let free = 0;
    while ([...taken.values()].includes(free)) free++;
    taken.set(label, free);
  }
  return labels.map((label) => taken.get(label)!);
};
