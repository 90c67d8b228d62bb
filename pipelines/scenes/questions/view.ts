/** A scene as the rules of questions see it: what may be spoken of by name, how large it is, where it is. */
import type { Rng } from "../../base/rng.ts";
import type { Box } from "../../records/box.ts";
import { colourOf } from "../colours.ts";
import type { DataConfig } from "../config.ts";
import { confusedWith } from "../lexicon/kinds.ts";
import type { Scene } from "../record.ts";
import { tablesOf } from "../world_tables.ts";
import type { Question } from "./question.ts";

/** An object with what rules ask of it. */
export interface Thing {
  /** Place in the scene's list. */
  readonly object: number;
  /** Its concept. */
  readonly concept: number;
  /** Its box, shares of the side. */
  readonly box: Box;
  /** Its longer side, pixels of the master. */
  readonly size: number;
  /** Its colour; `none` where people would disagree. */
  readonly colour: ReturnType<typeof colourOf>;
}

/** A scene as rules see it. */
export interface SceneView {
  /** The record. */
  readonly scene: Scene;
  /** How it was made. */
  readonly config: DataConfig;
  /** All objects. */
  readonly things: readonly Thing[];
  /** The objects of each concept. */
  readonly byConcept: ReadonlyMap<number, readonly Thing[]>;
  /** Concepts in the image that nothing else in it may be taken for. */
  readonly nameable: readonly number[];
  /** Objects that their names alone single out. */
  readonly unique: readonly Thing[];
  /** Concepts that the split may show that are not in the image, nor is anything that may be taken for them. */
  readonly absent: readonly number[];
}

const thingsOf = (scene: Scene, master: number): readonly Thing[] =>
  scene.objects.map(({ concept, style, box, size }, object) => ({
    object,
    concept,
    box,
    size: size * master,
    colour: colourOf(concept, style),
  }));

/** The view of a scene of a world at full strength. */
export const viewOf = (scene: Scene, config: DataConfig): SceneView => {
  const things = thingsOf(scene, config.master), byConcept = Map.groupBy(things, ({ concept }) => concept);
  const present = [...byConcept.keys()];
  const blurred = new Set(present.flatMap((c) => [...confusedWith(c)]));
  const nameable = present.filter((c) => !blurred.has(c));
  return {
    scene,
    config,
    things,
    byConcept,
    nameable,
    unique: nameable.flatMap((c) => byConcept.get(c)!.length === 1 ? byConcept.get(c)! : []),
    absent: tablesOf(config, scene.split).all.items.filter((c) => !byConcept.has(c) && !blurred.has(c)),
  };
};

/** Asks questions of one kind about a scene; none where the scene has nothing that may be asked without doubt. */
export interface Rule<Q extends Question> {
  /** The templates that it asks by. */
  readonly templates: readonly string[];
  /** The questions, truths computed from the record. */
  readonly ask: (view: SceneView, rng: Rng) => readonly Q[];
}
