/** Questions about scenes at full strength: every answer recomputed from the prompt's words and the record. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as O from "fp-ts/lib/Option.js";
import { type Box, covered } from "../../pipelines/records/box.ts";
import { colourOf } from "../../pipelines/scenes/colours.ts";
import { concepts } from "../../pipelines/scenes/concepts.ts";
import { type DataConfig, fullData, type Split } from "../../pipelines/scenes/config.ts";
import { confusedWith, isKind } from "../../pipelines/scenes/lexicon/kinds.ts";
import { nameIn } from "../../pipelines/scenes/lexicon/names.ts";
import { rules } from "../../pipelines/scenes/questions/rules.ts";
import type { Scene } from "../../pipelines/scenes/record.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import {
  type QuestionKind,
  questionKinds,
  type QuestionOf,
  questionsOf,
} from "../../pipelines/scenes/tasks.ts";
import { taggedBoxes } from "../../pipelines/text/boxes.ts";

const test = suite("questions");
const scenes = (split: Split, count: number): readonly Scene[] => sampleScenes(fullData, split, count);
const evaluation = scenes("eval", 400), learned = scenes("finetune", 200);
const asked = [
  ...evaluation,
  ...learned,
  ...scenes("large-objects", 100),
  ...scenes("held-out-concepts", 100),
]
  .map((scene) => ({ scene, questions: questionsOf(scene, fullData) }));

const each = <K extends QuestionKind>(
  kind: K,
  look: (q: QuestionOf<K>, scene: Scene) => void,
  least = 200,
) => {
  let n = 0;
  for (const { scene, questions } of asked) {
    for (const q of questions) if (q.kind === kind) look(q as QuestionOf<K>, scene), n++;
  }
  assert.ok(n >= least, `${n} questions of kind ${kind}`);
};

const PX = 448;
type Item = Scene["objects"][number];
const named = (name: string): number => {
  const found = concepts.filter((c) => c.name === name || c.plural === name);
  assert.is(found.length, 1, `${found.length} concepts are called ${name}`);
  return found[0]!.id;
};
const all = (scene: Scene, concept: number): readonly Item[] =>
  scene.objects.filter((o) => o.concept === concept);
const theOnly = (scene: Scene, name: string): Item => {
  const found = all(scene, named(name));
  assert.is(found.length, 1, `${scene.id}: ${found.length} of ${name}`);
  return found[0]!;
};
const words = (pattern: RegExp, text: string): readonly string[] => {
  const found = pattern.exec(text);
  assert.ok(found !== null, `${pattern} on ${text}`);
  return found!.slice(1);
};
const side = ({ box: [a, b, c, d] }: { readonly box: Box }): number => PX * Math.max(c - a, d - b);
const near = (a: number, b: number, by: number, what: string): void =>
  assert.ok(Math.abs(a - b) <= by, `${what}: ${a} and ${b}`);
const middle = (
  { box: [a, b, c, d] }: { readonly box: Box },
): readonly [number, number] => [(a + c) / 2, (b + d) / 2];
/** By how many pixels `a` is beyond `b`, edge to edge. */
const apart = (word: string, a: { readonly box: Box }, b: { readonly box: Box }): number => {
  if (word.startsWith("left")) return PX * (b.box[0] - a.box[2]);
  if (word.startsWith("right")) return PX * (a.box[0] - b.box[2]);
  if (word.startsWith("above")) return PX * (b.box[1] - a.box[3]);
  return PX * (a.box[1] - b.box[3]);
};
const inBox = (scene: Scene, text: string): Item => {
  const box = taggedBoxes.parse(text);
  assert.ok(O.isSome(box), text);
  const said = (box as O.Some<Box>).value;
  const close = scene.objects.filter((o) => o.box.every((v, i) => Math.abs(v - said[i]!) <= 1.001e-3));
  assert.is(close.length, 1, `${scene.id}: ${close.length} objects at ${text}`);
  return close[0]!;
};

/** The objects that an expression is true of, words only. */
const meant = (scene: Scene, expression: string): readonly Item[] => {
  const relation = /^the (.+) (left of|right of|above|below) the (.+)$/.exec(expression);
  if (relation !== null) {
    const landmark = theOnly(scene, relation[3]!),
      word = relation[2]!,
      among = all(scene, named(relation[1]!));
    const found = among.filter((o) => apart(word, o, landmark) >= 20 - 1e-6);
    const sign = word === "left of" || word === "above" ? 1 : -1, axis = word.endsWith("of") ? 0 : 1;
    for (const o of among.filter((o) => !found.includes(o))) {
      const past = sign * (middle(o)[axis] - middle(landmark)[axis]);
      assert.ok(past >= -1e-9, `${scene.id}: another is nearly ${expression}`);
    }
    return found;
  }
  const [rest] = words(/^the (.+)$/, expression);
  const [, first, name] = /^(\S+) (.+)$/.exec(rest!) ?? [];
  const among = name === "object"
    ? scene.objects
    : concepts.some((c) => c.name === name)
    ? all(scene, named(name!))
    : [];
  const best = (
    of: (o: Item) => number,
    clear = (a: number, b: number) => PX * (a - b) >= 20 - 1e-6,
  ): readonly Item[] => {
    const [one, two] = among.toSorted((a, b) => of(b) - of(a));
    assert.ok(clear(of(one!), of(two!)), `${expression}: ${of(one!)} and ${of(two!)}`);
    return [one!];
  };
  switch (first) {
    case "largest":
      return best(side, (a, b) => a / b >= 1.2);
    case "smallest":
      return best((o) => -side(o), (a, b) => b / a >= 1.2);
    case "leftmost":
      return best((o) => -middle(o)[0]);
    case "rightmost":
      return best((o) => middle(o)[0]);
    case "topmost":
      return best((o) => -middle(o)[1]);
    case "bottommost":
      return best((o) => middle(o)[1]);
  }
  const coloured = among.filter((o) => {
    const colour = colourOf(o.concept, o.style);
    return O.isSome(colour) && colour.value === first;
  });
  return concepts.some((c) => c.name === rest) ? all(scene, named(rest!)) : coloured;
};

test("every kind is asked, and answers are words", () => {
  const seen = new Map<QuestionKind, Set<string>>();
  for (const { questions } of asked) {
    for (const { kind, template, prompt, answer } of questions) {
      seen.set(kind, (seen.get(kind) ?? new Set()).add(template));
      assert.ok(prompt.trim() === prompt && prompt.length > 5 && answer.length > 0, template);
      assert.ok(template === kind || template.startsWith(`${kind}/`), template);
    }
  }
  for (const kind of questionKinds) {
    const found = [...seen.get(kind) ?? []].toSorted();
    assert.equal(
      found,
      [...rules[kind].templates].toSorted(),
    );
  }
});

test("presence", () => {
  each("presence", (q, scene) => {
    const [name] = words(/^Is there an? (.+) in the image\?$/, q.prompt), concept = named(name!);
    const there = all(scene, concept);
    assert.is(q.answer, there.length > 0 ? "yes" : "no", `${scene.id} ${q.prompt}`);
    assert.is(q.truth, q.answer === "yes");
    assert.is(/ an /.test(q.prompt), /^[aeiou]/i.test(name!));
    if (q.truth) near(q.size!, Math.max(...there.map(side)), 0.6, "size");
    else {
      assert.is(q.size, undefined);
      for (const o of scene.objects) assert.not.ok(confusedWith(concept).has(o.concept), q.prompt);
    }
  });
});

test("counts", () => {
  each("count", (q, scene) => {
    const [plural] = words(/^How many (.+) are there\?$/, q.prompt), there = all(scene, named(plural!));
    assert.is(q.answer, String(there.length));
    assert.ok(there.length <= 9);
    if (there.length > 0) near(q.size!, Math.min(...there.map(side)), 0.6, "size");
  });
});

test("comparisons of numbers and of sizes", () => {
  each("compare", (q, scene) => {
    const [a, b] = words(/^Are there more (.+) than (.+)\?$/, q.prompt).map((n) =>
      all(scene, named(n)).length
    );
    assert.ok(a! > 0 && b! > 0 && a !== b, q.prompt);
    assert.is(q.answer, a! > b! ? "yes" : "no");
  });
  each("larger", (q, scene) => {
    const [a, b] = words(/^Which is larger, the (.+) or the (.+)\?$/, q.prompt).map((n) => ({
      n,
      o: theOnly(scene, n),
    }));
    const ratio = side(a!.o) / side(b!.o);
    assert.ok(Math.max(ratio, 1 / ratio) >= 1.2, `${q.prompt} ${ratio}`);
    assert.is(q.answer, ratio > 1 ? a!.n : b!.n);
    near(q.size!, Math.min(side(a!.o), side(b!.o)), 0.6, "size");
  });
});

test("relations hold or their opposite does, by 20 pixels", () => {
  const opposite: Readonly<Record<string, string>> = {
    "left of": "right of",
    "right of": "left of",
    above: "below",
    below: "above",
  };
  each("relation", (q, scene) => {
    const [a, word, b] = words(/^Is the (.+) (left of|right of|above|below) the (.+)\?$/, q.prompt);
    const [x, y] = [theOnly(scene, a!), theOnly(scene, b!)];
    const yes = apart(word!, x, y) >= 20 - 1e-6, no = apart(opposite[word!]!, x, y) >= 20 - 1e-6;
    assert.ok(yes !== no, `${scene.id} ${q.prompt}`);
    assert.is(q.answer, yes ? "yes" : "no");
  });
});

test("neighbours are the nearest, and nothing else is as near", () => {
  each("neighbour", (q, scene) => {
    const [word, name] = words(/^What is directly (left of|right of|above|below) the (.+)\?$/, q.prompt);
    const of = theOnly(scene, name!), flat = word === "left of" || word === "right of";
    const overlap = (o: Item): number =>
      flat
        ? Math.min(o.box[3], of.box[3]) - Math.max(o.box[1], of.box[1])
        : Math.min(o.box[2], of.box[2]) - Math.max(o.box[0], of.box[0]);
    const beyond = scene.objects.filter((o) => o !== of && overlap(o) > 0 && apart(word!, o, of) >= 0)
      .toSorted((a, b) => apart(word!, a, of) - apart(word!, b, of));
    assert.is(concepts[beyond[0]!.concept]!.name, q.answer, `${scene.id} ${q.prompt}`);
    if (beyond.length > 1) {
      assert.ok(apart(word!, beyond[1]!, of) - apart(word!, beyond[0]!, of) >= 20 - 1e-6);
    }
  });
});

test("colours are plain, and names do not give them away", () => {
  each("attribute", (q, scene) => {
    const [expression] = words(/^What colour is (.+)\?$/, q.prompt);
    const found = q.template === "attribute/in-box"
      ? [inBox(scene, words(/^the object at (.+)$/, expression!)[0]!)]
      : meant(scene, expression!);
    assert.is(found.length, 1, `${scene.id} ${q.prompt}`);
    const object = found[0]!;
    assert.equal(colourOf(object.concept, object.style), O.some(q.answer));
    if (q.template === "attribute/by-name") {
      const colours = concepts[object.concept]!.styles.map((s) =>
        colourOf(object.concept, s as Item["style"])
      );
      assert.ok(new Set(colours.filter(O.isSome).map((c) => c.value)).size > 1);
    }
  }, 150);
});

test("expressions are true of one object, and its box is the answer", () => {
  each("refer", (q, scene) => {
    const [expression] = words(/^Where is (.+)\?$/, q.prompt), found = meant(scene, expression!);
    assert.is(found.length, 1, `${scene.id}: ${found.length} for ${expression}`);
    assert.equal(found[0]!.box, q.truth);
    assert.is(found[0]!.concept, q.concept);
    assert.is(q.answer, taggedBoxes.print(q.truth));
    near(q.size!, side(found[0]!), 0.6, "size");
  });
});

test("names of what is in a box, in English and in other languages", () => {
  each("name", (q, scene) => {
    const object = inBox(scene, words(/^What is at (.+)\?$/, q.prompt)[0]!);
    assert.is(q.answer, concepts[object.concept]!.name);
    for (const o of scene.objects) assert.not.ok(confusedWith(object.concept).has(o.concept));
  });
  each("translate", (q, scene) => {
    const object = inBox(scene, words(/^What is at (.+)\? Answer in \w+\.$/, q.prompt)[0]!);
    assert.equal(nameIn(q.template.split("/")[1] as "de", object.concept), O.some(q.answer));
  });
});

test("a box that is asked about means one thing, also where objects may hide each other", () => {
  const crowded: DataConfig = {
    ...fullData,
    overlap: 1,
    objects: [30, 40],
    world: { ...fullData.world!, cover: 1 },
  };
  let hidden = 0, questions = 0;
  for (const scene of sampleScenes(crowded, "eval", 60)) {
    const shares = (a: Box, b: Box): boolean => covered(a, b) >= 0.2 - 1e-9;
    hidden += scene.objects.filter((o) => scene.objects.some((p) => p !== o && shares(o.box, p.box))).length;
    for (const q of questionsOf(scene, crowded, 0, ["name", "translate"])) {
      if (q.kind !== "name" && q.kind !== "translate") continue;
      const { box } = scene.objects[q.object]!;
      questions++;
      assert.not.ok(scene.objects.some((o, i) => i !== q.object && shares(o.box, box)), q.prompt);
    }
  }
  assert.ok(hidden > 100 && questions > 100, `${hidden} ${questions}`);
});

test("signs are read, the only one or the furthest", () => {
  each("reading", (q, scene) => {
    const [where] = words(/^What does the (.*)sign say\?$/, q.prompt);
    const of: Readonly<Record<string, (plate: Scene["plates"][number]) => number>> = {
      "leftmost ": (p) => -middle(p)[0],
      "rightmost ": (p) => middle(p)[0],
      "topmost ": (p) => -middle(p)[1],
      "bottommost ": (p) => middle(p)[1],
    };
    const rank = of[where!];
    if (rank === undefined) assert.is(scene.plates.length, 1);
    const sorted = scene.plates.toSorted((a, b) => (rank?.(b) ?? 0) - (rank?.(a) ?? 0));
    assert.is(q.answer, sorted[0]!.text);
    near(q.size!, sorted[0]!.letters! * PX, 1e-6, "letters");
    if (sorted.length > 1) assert.ok(PX * (rank!(sorted[0]!) - rank!(sorted[1]!)) >= 20 - 1e-6);
  });
});

test("one concept alone is of the kind that is asked for", () => {
  each("kind-of", (q, scene) => {
    const [kind] = words(/^Which object is a kind of (.+)\?$/, q.prompt);
    const there = [...new Set(scene.objects.map((o) => o.concept))];
    for (const c of there) assert.ok(O.isSome(isKind(c, kind!)), `${concepts[c]!.name} may be a ${kind}`);
    const of = there.filter((c) => O.toNullable(isKind(c, kind!)) === true);
    assert.equal(of.map((c) => concepts[c]!.name), [q.answer]);
  }, 100);
});

test("captions count right, and dense ones hold everything once", () => {
  const numbered = (part: string): readonly [number, number] => {
    const [n, name] = words(/^(an?|\d+) (.+)$/, part);
    return [named(name!), /^an?$/.test(n!) ? 1 : Number(n)];
  };
  const parts = (list: string): readonly string[] => list.split(/, | and (?=an? |\d|other things)/);
  each("caption", (q, scene) => {
    const [theme, list] = words(/^An? (\w+) scene with (.+)\.$/, q.answer);
    assert.is(theme, scene.theme);
    for (const part of parts(list!).filter((p) => p !== "other things")) {
      const [concept, n] = numbered(part);
      assert.is(all(scene, concept).length, n, q.answer);
    }
  }, 100);
  each("dense", (q, scene) => {
    const counted = new Map<number, number>(), signs: string[] = [];
    for (const region of q.answer.split("; ")) {
      const [where, list] = words(/^((?:top|bottom) (?:left|right)): (.+)$/, region);
      const inside = (o: { readonly box: Box }): boolean =>
        where === `${middle(o)[1] < 0.5 ? "top" : "bottom"} ${middle(o)[0] < 0.5 ? "left" : "right"}`;
      for (const part of parts(list!)) {
        const sign = /^a sign that says (.+)$/.exec(part);
        if (sign !== null) {
          assert.ok(scene.plates.some((p) => p.text === sign[1] && inside(p)), region);
          signs.push(sign[1]!);
          continue;
        }
        assert.is(all(scene, numbered(part)[0]).filter(inside).length, numbered(part)[1], region);
        counted.set(numbered(part)[0], (counted.get(numbered(part)[0]) ?? 0) + numbered(part)[1]);
      }
    }
    for (const { id } of concepts) assert.is(counted.get(id) ?? 0, all(scene, id).length, scene.id);
    assert.equal(signs.toSorted(), scene.plates.map((p) => p.text).toSorted());
  }, 100);
});

test.run();
