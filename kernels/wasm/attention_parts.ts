/** Shared parts of attention and its gradients: tiling, operand addresses, and products of tiles in memory. */
import type { AttentionKernel } from "../graph/kernel.ts";
import type { Value } from "../ir/value.ts";
import { findLines, type Found, type Lines, type Wanted } from "./attention_lines.ts";
import { Room, type Tiles, tilesOf } from "./attention_tiles.ts";
import { type BlockProduct, blockProduct } from "./block_product.ts";
import { Func } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop } from "./loops.ts";
import { Scope } from "./scope.ts";
import { add, get, i32, least, repeat, set, times } from "./text.ts";

/** The function of a kernel under construction. */
export class Attention {
  /** Its computation. */
  readonly kernel: AttentionKernel;
  /** How it is cut up. */
  readonly tiles: Tiles;
  /** Its text. */
  readonly func: Func = new Func();
  /** The thread's own memory. */
  readonly room: Room = new Room();
  /** What runs once a call. */
  readonly top: Scope;
  /** What runs for each unit. */
  readonly unit: Scope;
  /** Bytes of a row of scores. */
  readonly scoreLine: number;
  /** Bytes of a row of channels. */
  readonly channelLine: number;
  /** Groups of four channels. */
  readonly quads: number;
  /** Keys beyond queries: query i sees keys up to `i + behind` where the kernel is causal. */
  readonly behind: number;
  /** Whether it is. */
  readonly causal: boolean;
  /** Where the segments of the tile's queries and of all keys are in the thread's own memory; undefined in whole rows. */
  readonly ids: { readonly row: number; readonly key: number } | undefined;

  /** Starts the function of a kernel. */
  constructor(kernel: AttentionKernel, dialect: Dialect) {
    const { size } = kernel;
    this.kernel = kernel;
    this.tiles = tilesOf(kernel);
    this.scoreLine = 4 * this.tiles.queries;
    this.quads = Math.ceil(size.width / 4);
    this.channelLine = 16 * this.quads;
    this.behind = size.keys - size.queries;
    this.causal = kernel.node.attributes.causal;
    this.ids = kernel.segments === undefined
      ? undefined
      : { row: this.room.take(4 * this.tiles.queries), key: this.room.take(4 * size.keys + 16) };
    this.locals(["batch", "head", "kv", "row", "key", "d", "row0", "rows", "key0", "keys", "have", "limit"]);
    this.top = new Scope({ locals: this.func.locals, dialect, buffer: this.func.buffer, result: () => "" });
    this.unit = this.top.loop(["unit", "batch", "head", "kv", "row", "key"]);
  }

  /** Declares numbers. */
  locals(names: readonly string[]): void {
    for (const name of names) this.func.locals.declare(name, "i32");
  }

  /** Text of an address in the thread's own memory. */
  own(offset: number): string {
    return this.func.scratch(offset);
  }

  /** The current tile of an operand of queries. */
  queryLines(name: string, load: Wanted["load"], near: boolean): Found {
    const { func, unit, room, tiles, kernel: { size: { width } } } = this;
    const wanted = { first: get("row0"), count: get("rows"), most: tiles.queries };
    return findLines({ func, unit, room, width }, { name, load, axis: "row", ...wanted, near });
  }

  /** The current tile of keys or values: those that take part. */
  keyLines(name: string, load: Wanted["load"], near: boolean): Found {
    const { func, unit, room, tiles, kernel: { size: { width } } } = this;
    const wanted = { first: get("key0"), count: get("keys"), most: tiles.keys };
    return findLines({ func, unit, room, width }, { name, load, axis: "key", ...wanted, near });
  }

  /** Statements that lay the current tile of queries (or cotangents) side by side in panels. */
  turned(rows: Lines, to: number, scale: number): string[] {
    const { width } = this.kernel.size, factor = splat(scale);
    return this.queryPanels().flatMap(({ first, lanes, panel }) => [
      `(if (i32.gt_s ${get("rows")} ${i32(first)}) (then`,
      `(call $turn${lanes} ${add(rows.at, i32(first * rows.line))} ${i32(rows.line)} (i32.sub ${
        get("rows")
      } ${i32(first)}) ${i32(width)} ${this.own(to + panel)} ${factor})`,
      "))",
    ]);
  }

  /** Panels of a tile of queries, and where they start. */
  queryPanels(): readonly { readonly first: number; readonly lanes: 4 | 8; readonly panel: number }[] {
    const { queries } = this.tiles, { width } = this.kernel.size;
    return Array.from({ length: Math.ceil(queries / 8) }, (_, p) => ({
      first: 8 * p,
      lanes: queries - 8 * p >= 8 ? 8 : 4,
      panel: 32 * p * width,
    }));
  }

  /** Bytes of panels of a tile of queries. */
  get turnedBytes(): number {
    return 32 * Math.ceil(this.tiles.queries / 8) * this.kernel.size.width;
  }

  /** Statements that compute `keys x queries` products of some rows with panels. */
  scores(rows: Lines, panels: number, to: number): string[] {
    const { width } = this.kernel.size, { keyRows, keys } = this.tiles;
    return blockProduct(this.func.locals, {
      rows: get("keys"),
      have: get("have"),
      counts: this.keyCounts(),
      tile: keyRows,
      most: keys,
      left: rows.at,
      row: rows.line,
      step: 4,
      line: this.scoreLine,
      to: this.own(to),
      depth: () => [i32(0), i32(width)],
      more: i32(0),
      panels: this.queryPanels().map(({ lanes, panel, first }) => ({
        at: this.own(panels + panel),
        quads: lanes / 4,
        right: 4 * lanes,
        column: 4 * first,
        // the last query of a panel sees most: where it does not see the first key, none sees any
        ...(this.causal
          ? { when: (key: string) => `(i32.lt_s ${key} ${this.seenBy(i32(first + lanes - 1))})` }
          : {}),
      })),
    });
  }

  /** Numbers of keys that a tile may have. */
  keyCounts(): readonly number[] {
    const { keys, keyTiles } = this.tiles;
    return [keys, this.kernel.size.keys - (keyTiles - 1) * keys];
  }

  /** Numbers of queries that a tile may have. */
  queryCounts(): readonly number[] {
    const { queries, queryTiles } = this.tiles;
    return [...(queryTiles > 1 ? [queries] : []), this.kernel.size.queries - (queryTiles - 1) * queries];
  }

  /** Panels of the channels of some rows. */
  channelPanels(rows: Lines): BlockProduct["panels"] {
    return Array.from({ length: Math.ceil(this.quads / 2) }, (_, p) => ({
      at: add(rows.at, i32(32 * p)),
      quads: Math.min(2, this.quads - 2 * p),
      right: rows.line,
      column: 32 * p,
    }));
  }

  /** Statements that add, for each query of the tile, the rows of keys or values weighted by what is at `weights`. */
  perQuery(weights: number, rows: Lines, to: Lines, more: string): string[] {
    const seen = (last: string): string => this.held(this.seenBy(last), get("keys"));
    return this.exactly((tile) =>
      blockProduct(this.func.locals, {
        rows: get("rows"),
        have: get("rows"),
        counts: tile === 1 ? [] : this.queryCounts(),
        tile,
        most: this.tiles.queries,
        left: this.own(weights),
        row: 4,
        step: this.scoreLine,
        line: to.line,
        to: to.at,
        depth: (row, count) => [i32(0), this.causal ? seen(add(row, i32(count - 1))) : get("keys")],
        more,
        panels: this.channelPanels(rows),
      })
    );
  }

  /** Statements that add, for each key of the tile, the rows of queries weighted by what is at `weights`. */
  perKey(weights: number, rows: Lines, to: Lines, more: string): string[] {
    const first = (key: string): string =>
      this.held(
        `(i32.sub ${add(key, `(i32.sub ${get("key0")} ${get("row0")})`)} ${i32(this.behind)})`,
        get("rows"),
      );
    return this.exactly((tile) =>
      blockProduct(this.func.locals, {
        rows: get("keys"),
        have: get("have"),
        counts: tile === 1 ? [] : this.keyCounts(),
        tile,
        most: this.tiles.keys,
        left: this.own(weights),
        row: this.scoreLine,
        step: 4,
        line: to.line,
        to: to.at,
        depth: (key) => this.causal ? [first(key), get("rows")] : [i32(0), get("rows")],
        more,
        panels: this.channelPanels(rows),
      })
    );
  }

  /** Keys of the current tile that query `row` of the current tile sees; may be negative or beyond the tile. */
  seenBy(row: string): string {
    return `(i32.add (i32.sub (i32.add ${get("row0")} ${row}) ${get("key0")}) ${i32(this.behind + 1)})`;
  }

  /** A number held between 0 and another. */
  held(x: string, high: string): string {
    return `(call $clamp ${x} ${i32(0)} ${high})`;
  }

  /**
   * Products over what is seen. A register tile takes some pairs that are not seen, with weight 0: where that could
   * make a NaN of an infinity, rows are taken one by one.
   */
  exactly(product: (tile: number) => string[]): string[] {
    const { rows } = this.tiles;
    if (!this.causal) return product(rows);
    return [`(if ${get("strange")} (then`, ...product(1), ") (else", ...product(rows), "))"];
  }

  /** Statements that bring segments into the thread's own memory: of positions from one to another, on an axis. */
  #segmentLines(axis: "row" | "key", from: string, to: number | string): string[] {
    const outer = this.unit.loop(["batch", "head", "kv", "row0"]), { segments, size } = this.kernel;
    laneLoop(outer, this.func.locals, { name: axis, from, to, length: size.keys, copies: 1 }, (scope) => {
      const id = scope.value(segments![axis]), at = times(`(i32.sub ${get(axis)} ${from})`, 4);
      scope.lines.push(`(v128.store ${add(this.own(this.ids![axis]), at)} ${id})`);
    });
    return outer.lines;
  }

  /** Statements that find the segments of all keys of the unit. */
  keySegments(): string[] {
    return this.ids === undefined ? [] : this.#segmentLines("key", i32(0), this.kernel.size.keys);
  }

  /** Statements that find the segments of the tile of queries, and the tiles of keys among which these are. */
  #querySegments(): string[] {
    const { segments } = this.kernel, { keys } = this.tiles;
    if (segments === undefined) return [];
    this.locals(["edge", "start"]);
    const bound = (value: Value, edge: string): readonly [readonly string[], string] => {
      const scope = this.unit.loop(["batch", "head", "kv", "row0", "edge"]), text = scope.value(value);
      return [
        [set("edge", edge), ...scope.lines],
        this.held(`(i32x4.extract_lane 0 ${text})`, i32(this.kernel.size.keys)),
      ];
    };
    const [low, from] = bound(segments.from, get("row0"));
    const [high, to] = bound(segments.to, `(i32.sub ${add(get("row0"), get("rows"))} ${i32(1)})`);
    return [
      ...this.#segmentLines("row", get("row0"), add(get("row0"), get("rows"))),
      ...low,
      set("start", `(i32.mul (i32.div_u ${from} ${i32(keys)}) ${i32(keys)})`),
      ...high,
      set("edge", to),
      set("limit", `(select ${get("limit")} ${get("edge")} (i32.lt_s ${get("limit")} ${get("edge")}))`),
    ];
  }

  /** 0 in the first tile of keys that the tile of queries meets. */
  get later(): string {
    return this.ids === undefined
      ? `(i32.ne ${get("key0")} ${i32(0)})`
      : `(i32.ne ${get("key0")} ${get("start")})`;
  }

  /** Statements that set the tile of queries from its number. */
  queryTile(number: string): string[] {
    const { queries, queryTiles } = this.tiles, { size } = this.kernel;
    return [
      set("row0", queryTiles === 1 ? i32(0) : times(number, queries)),
      set("rows", least(`(i32.sub ${i32(size.queries)} ${get("row0")})`, queries)),
      // keys from here on are seen by none of them
      set(
        "limit",
        this.causal
          ? this.held(add(add(get("row0"), get("rows")), i32(this.behind)), i32(size.keys))
          : i32(size.keys),
      ),
      ...this.#querySegments(),
    ];
  }

  /** Statements that set the tile of keys that starts at `$key0`: those there are, and those that take part. */
  keyTile(): string[] {
    const { keys, keyRows, rows } = this.tiles, { size } = this.kernel;
    const have = set("have", least(`(i32.sub ${i32(size.keys)} ${get("key0")})`, keys));
    if (!this.causal) return [have, set("keys", get("have"))];
    // whole register tiles: what a tile adds up must have been computed
    const step = keyRows === rows ? rows : keyRows * rows, seen = `(i32.sub ${get("limit")} ${get("key0")})`;
    const whole = `(i32.mul (i32.div_s ${add(seen, i32(step - 1))} ${i32(step)}) ${i32(step)})`;
    return [
      have,
      set("keys", whole),
      set("keys", `(select ${get("keys")} ${get("have")} (i32.lt_s ${get("keys")} ${get("have")}))`),
    ];
  }

  /** Statements for each tile of keys that the tile of queries sees, of those in a range of whole tiles. */
  eachKeyTile(
    body: readonly string[],
    range?: { readonly begin: string; readonly end: string },
  ): string[] {
    const { keys } = this.tiles;
    const whole = this.ids === undefined, first = whole ? i32(0) : get("start");
    const [from, to] = range === undefined ? [first, get("limit")] : [
      `(select ${first} ${range.begin} (i32.gt_s ${first} ${range.begin}))`,
      `(select ${get("limit")} ${range.end} (i32.lt_s ${get("limit")} ${range.end}))`,
    ];
    return [
      set("key0", from),
      ...repeat(this.func.locals.unique("l"), `(i32.lt_s ${get("key0")} ${to})`, [
        ...this.keyTile(),
        ...body,
        set("key0", add(get("key0"), i32(keys))),
      ], whole && !this.causal && range === undefined),
    ];
  }

  /** Statements that note whether rows that take part hold NaN or infinities; for causal kernels alone. */
  strangeIn(parts: readonly (readonly [Lines, string])[]): string[] {
    if (!this.causal) return [];
    this.locals(["strange"]);
    const edge = `(i32.gt_s ${get("keys")} ${this.seenBy(i32(0))})`;
    const any = parts.map(([{ at, line }, count]) =>
      `(call $strange ${at} ${i32(line)} ${count} ${i32(this.quads)})`
    )
      .reduce((a, b) => `(i32.or ${a} ${b})`);
    return [
      set("strange", i32(0)),
      `(if ${edge} (then`,
      set("strange", any),
      "))",
    ];
  }

  /** Statements that fill some of the thread's own memory; the bytes are a multiple of 16. */
  fill(at: string, bytes: number, value: number): string[] {
    const { locals } = this.func;
    locals.declare("filled", "i32");
    return [
      set("filled", i32(0)),
      ...repeat(locals.unique("l"), `(i32.lt_s ${get("filled")} ${i32(bytes)})`, [
        `(v128.store ${add(at, get("filled"))} ${splat(value)})`,
        set("filled", add(get("filled"), i32(16))),
      ], true),
    ];
  }

  /** Statements that set rows of sums to zero. */
  clear({ at, line }: Lines, rows: string): string[] {
    const { locals } = this.func, to = locals.fresh("i", "i32"), left = locals.fresh("i", "i32");
    return [
      set(to, at),
      set(left, rows),
      ...repeat(locals.unique("l"), `(i32.gt_s ${get(left)} ${i32(0)})`, [
        ...this.fill(get(to), this.channelLine, 0),
        set(to, add(get(to), i32(line))),
        set(left, `(i32.sub ${get(left)} ${i32(1)})`),
      ], true),
    ];
  }

  /** Statements for every four queries of the tile: a call of a function of their scores. */
  eachQuad(
    name: string,
    matrices: readonly number[],
    state: number,
    gap: number,
    more: string[] = [],
  ): string[] {
    const { locals } = this.func;
    locals.declare("quad", "i32");
    const at = (offset: number): string => add(this.own(offset), times(get("quad"), 4));
    const base = this.causal ? `(i32.sub ${this.seenBy(get("quad"))} ${i32(1)})` : get("keys");
    const masked = this.ids === undefined ? [] : [
      `(call $maskquad ${at(matrices[0]!)} ${i32(this.scoreLine)} ${get("keys")} ${at(this.ids.row)} ${
        add(this.own(this.ids.key), times(get("key0"), 4))
      })`,
    ];
    return [
      set("quad", i32(0)),
      ...repeat(locals.unique("l"), `(i32.lt_s ${get("quad")} ${get("rows")})`, [
        ...masked,
        `(call $${name} ${matrices.map(at).join(" ")} ${i32(this.scoreLine)} ${base} ${get("keys")} ${
          at(state)
        } ${[i32(gap), ...more].join(" ")})`,
        set("quad", add(get("quad"), i32(4))),
      ], true),
    ];
  }
}

/** A number in every lane. */
export const splat = (x: number): string =>
  `(v128.const f32x4 ${Array(4).fill(x === -Infinity ? "-inf" : Math.fround(x)).join(" ")})`;
