/**
 * What a cell may hold: imports, constants and calls. Decisions, loops and functions of several lines belong to the
 * library, where they are typed, tested and documented.
 */
import { type AnyNode, type Node, parse } from "acorn";
import { stripTypeScriptTypes } from "node:module";

/** Statements of a cell. */
const statements = ["ImportDeclaration", "VariableDeclaration", "ExpressionStatement", "EmptyStatement"];

/** What a cell does not hold anywhere, and why. */
const refused: Readonly<Record<string, string>> = {
  AssignmentExpression: "changes a value",
  BlockStatement: "a function of several statements",
  ClassExpression: "a class",
  ConditionalExpression: "a decision",
  FunctionExpression: "a function that is no arrow",
  LogicalExpression: "a decision",
  SequenceExpression: "several expressions in one",
  UpdateExpression: "changes a value",
  YieldExpression: "a generator",
};

/** Maximum number of lines of a cell. */
export const MAX_LINES = 24;

/** Most arrows within each other. */
const MOST_ARROWS = 2;

const isNode = (value: unknown): value is AnyNode =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

const childrenOf = (node: AnyNode): readonly AnyNode[] =>
  Object.values(node).flatMap((value: unknown) => Array.isArray(value) ? value : [value]).filter(isNode);

/** What a cell holds that it may not, with the line; nothing for a cell that keeps to the rules. */
export const logicIn = (source: string): readonly string[] => {
  const script = parse(stripTypeScriptTypes(source), {
    ecmaVersion: "latest",
    sourceType: "module",
    allowAwaitOutsideFunction: true,
    locations: true,
  });
  const at = ({ loc }: AnyNode): string => `line ${loc!.start.line}`;
  const inside = (node: AnyNode, arrows: number): readonly string[] => {
    const why = refused[node.type], deep = arrows + Number(node.type === "ArrowFunctionExpression");
    return [
      ...(why === undefined ? [] : [`${at(node)}: ${why}`]),
      ...(deep > MOST_ARROWS && deep > arrows ? [`${at(node)}: functions in functions`] : []),
      ...childrenOf(node).flatMap((child) => inside(child, deep)),
    ];
  };
  const lines = source.trim().split("\n").length;
  return [
    ...(lines > MAX_LINES ? [`${lines} lines; at most ${MAX_LINES}`] : []),
    ...script.body.flatMap((node) =>
      !statements.includes(node.type)
        ? [`${at(node)}: a statement of the kind ${node.type}`]
        : node.type === "VariableDeclaration" && node.kind !== "const"
        ? [`${at(node)}: ${node.kind} instead of const`]
        : inside(node, 0)
    ),
  ];
};
