/** What a rule of questions is. */
import type { Rng } from "../../base/rng.ts";
import type { Question } from "./question.ts";
import type { SceneView } from "./view.ts";

/** Asks questions of one kind about a scene; none where the scene has nothing that may be asked without doubt. */
export interface Rule<Q extends Question> {
  /** The templates that it asks by. */
  readonly templates: readonly string[];
  /** The questions, truths computed from the record. */
  readonly ask: (view: SceneView, rng: Rng) => readonly Q[];
}
