/** Reads TypeScript just well enough to tell code from comments and text. */

/** A file's code with comments and the insides of strings, templates and regular expressions blanked out. */
export interface Scanned {
  /** The code; every blanked character is a space, so that lines and columns stay. */
  readonly code: string;
  /** The module specifiers of imports and re-exports, in order. */
  readonly imports: readonly string[];
}

// A slash begins a regular expression where no value can end just before it.
const beginsRegex = (code: string): boolean => {
  const before = code.trimEnd();
  const word = /[\w$]+$/.exec(before)?.[0];
  if (word !== undefined) {
    return /^(return|typeof|case|in|of|delete|void|throw|new|else|do|yield|await)$/.test(word);
  }
  return before === "" || !/[)\]}"'`]$/.test(before);
};

interface Text {
  readonly start: number;
  readonly value: string;
}

/** Blanks comments and texts, and finds what is imported. Expressions inside templates stay code. */
export const scan = (source: string): Scanned => {
  let code = "";
  let at = 0;
  const texts: Text[] = [];
  const templates: number[] = []; // depth of braces within each template expression that is open
  const blank = (to: number): void => {
    code += source.slice(at, to).replace(/[^\n]/g, " ");
    at = to;
  };
  const until = (end: number): number => end < 0 ? source.length : end;
  const quoted = (quote: string): void => {
    let end = at + 1;
    while (end < source.length && source[end] !== quote) end += source[end] === "\\" ? 2 : 1;
    texts.push({ start: code.length, value: source.slice(at + 1, end) });
    code += quote;
    at++;
    blank(Math.min(end, source.length));
    code += quote;
    at++;
  };
  const template = (): void => {
    let end = at;
    while (end < source.length && source[end] !== "`" && !source.startsWith("${", end)) {
      end += source[end] === "\\" ? 2 : 1;
    }
    blank(Math.min(end, source.length));
    if (source.startsWith("${", end)) {
      code += "${";
      at += 2;
      templates.push(0);
    } else {
      code += "`";
      at++;
    }
  };
  const regex = (): void => {
    let end = at + 1;
    let inClass = false;
    while (end < source.length && source[end] !== "\n" && (inClass || source[end] !== "/")) {
      if (source[end] === "[") inClass = true;
      if (source[end] === "]") inClass = false;
      end += source[end] === "\\" ? 2 : 1;
    }
    code += "/";
    at++;
    blank(end);
    code += "/";
    at++;
  };
  while (at < source.length) {
    const char = source[at]!;
    if (source.startsWith("//", at)) blank(until(source.indexOf("\n", at)));
    else if (source.startsWith("/*", at)) blank(until(source.indexOf("*/", at) + 1 || -1) + 1);
    else if (char === '"' || char === "'") quoted(char);
    else if (char === "`") {
      code += "`";
      at++;
      template();
    } else if (char === "/" && beginsRegex(code)) regex();
    else {
      const open = templates.length - 1;
      code += char;
      at++;
      if (open >= 0 && char === "{") templates[open]!++;
      if (open >= 0 && char === "}" && templates[open]!-- === 0) {
        templates.pop();
        template();
      }
    }
  }
  const imports = texts
    .filter(({ start }) =>
      /(\bfrom|\bimport|\bimport\s*\()\s*$/.test(code.slice(Math.max(0, start - 40), start))
    )
    .map(({ value }) => value);
  return { code, imports };
};
