/**
 * Beam search as bookkeeping: which texts go on, which have ended, and when none can win any more. Pure.
 * The rules are those of transformers' `num_beams` without early stopping: of the best `2 w` continuations of `w`
 * beams, ends among the first w are kept as finished, others go on until there are w; scores of finished texts are
 * divided by their length to a power.
 */

/** A text and what it scores. */
export interface Beam {
  /** Its tokens, without an end. */
  readonly ids: readonly number[];
  /** Sum of the logarithms of its tokens' probabilities; of a finished text, divided by the length's power. */
  readonly score: number;
}

/** Rules of a search. */
export interface BeamRules {
  /** Texts that are kept, at least 1. */
  readonly beams: number;
  /** Tokens that end a text. */
  readonly ends: readonly number[];
  /** Maximum number of tokens. */
  readonly limit: number;
  /** Power of the length, ends included, by which scores of finished texts are divided; 1 by default. */
  readonly lengthPower?: number;
}

/** A search at some step. */
export interface Beams {
  /** Texts that go on, best first. */
  readonly running: readonly Beam[];
  /** Texts that ended, best first, at most as many as there are beams. */
  readonly finished: readonly Beam[];
  /** Whether nothing can improve any more. */
  readonly over: boolean;
}

/** A possible next token of a running text. */
export interface Candidate {
  /** The token. */
  readonly id: number;
  /** Logarithm of its probability. */
  readonly logProbability: number;
}

/** A search that goes on, with the running text that each new one continues. */
export interface Extended {
  /** The search. */
  readonly beams: Beams;
  /** For every running text, the place among those before of the one it continues. */
  readonly parents: readonly number[];
}

/** Before the first token: one empty text. */
export const noBeams: Beams = { running: [{ ids: [], score: 0 }], finished: [], over: false };

const normalised = (score: number, length: number, power: number): number => score / length ** power;

/** One step: `candidates[i]` are the most likely next tokens of running text i, at least `2 w` or all there are. */
export const extend = (
  { beams: width, ends, limit, lengthPower = 1 }: BeamRules,
  { running, finished }: Beams,
  candidates: readonly (readonly Candidate[])[],
): Extended => {
  const best = candidates
    .flatMap((of, parent) =>
      of.map(({ id, logProbability }) => ({ parent, id, score: running[parent]!.score + logProbability }))
    )
    // equal scores in the order of beams and tokens
    .sort((a, b) => b.score - a.score || a.parent - b.parent || a.id - b.id)
    .slice(0, 2 * width);
  const length = running[0]!.ids.length + 1;
  const next: { readonly beam: Beam; readonly parent: number }[] = [], ended: Beam[] = [...finished];
  for (const [rank, { parent, id, score }] of best.entries()) {
    if (next.length === width) break;
    const { ids } = running[parent]!;
    if (!ends.includes(id)) next.push({ beam: { ids: [...ids, id], score }, parent });
    else if (rank < width) ended.push({ ids, score: normalised(score, length, lengthPower) });
  }
  const full = length >= limit;
  if (full) {
    ended.push(...next.map(({ beam }) => ({ ...beam, score: normalised(beam.score, length, lengthPower) })));
  }
  const kept = ended.toSorted((a, b) => b.score - a.score).slice(0, width);
  const hope = next[0] === undefined ? -Infinity : normalised(next[0].beam.score, length, lengthPower);
  const over = full || next.length === 0 || (kept.length === width && kept.at(-1)!.score >= hope);
  return {
    beams: { running: next.map(({ beam }) => beam), finished: kept, over },
    parents: next.map(({ parent }) => parent),
  };
};

/** The winner: the best finished text, or the best running one where none has ended. */
export const winner = ({ running, finished }: Beams): Beam => finished[0] ?? running[0]!;
