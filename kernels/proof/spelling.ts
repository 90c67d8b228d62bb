/** Questions about trees of WGSL: how they are written, and what they change. */
import type { Expr, Statement } from "./syntax.ts";

/** An expression as text. */
export const spell = (e: Expr): string => {
  switch (e.kind) {
    case "number":
      return `${e.value}${e.suffix}`;
    case "name":
      return e.name;
    case "index":
      return `${spell(e.of)}[${spell(e.at)}]`;
    case "member":
      return `${spell(e.of)}.${e.name}`;
    case "call":
      return `${e.name}${e.types}(${e.args.map(spell).join(", ")})`;
    case "unary":
      return `${e.op}${spell(e.of)}`;
    case "binary":
      return `(${spell(e.left)} ${e.op} ${spell(e.right)})`;
  }
};

/** Names that statements assign, wherever they are declared. */
export const assigned = (body: readonly Statement[], into = new Set<string>()): Set<string> => {
  const root = (e: Expr): string => e.kind === "name" ? e.name : "of" in e ? root(e.of) : "";
  for (const s of body) {
    if (s.kind === "assign") into.add(root(s.to));
    if (s.kind === "if") assigned([...s.then, ...s.otherwise], into);
    if (s.kind === "for") assigned([s.first, s.next, ...s.body], into);
    if (s.kind === "switch") s.cases.forEach((c) => assigned(c.body, into));
    if (s.kind === "loop" || s.kind === "block") assigned(s.body, into);
  }
  return into;
};

/** Whether statements leave what is around them by `break`, loops of their own aside. */
export const breaks = (body: readonly Statement[]): boolean =>
  body.some((s) =>
    s.kind === "break" || s.kind === "block" && breaks(s.body) ||
    s.kind === "if" && (breaks(s.then) || breaks(s.otherwise))
  );
