/** What is known of the values that a text computes: integers and conditions as sums, everything else by its type. */
import {
  atLeast,
  atMost,
  type Condition,
  keyOf,
  type Path,
  plus,
  type Sum,
  times,
  Unknowns,
  whole,
} from "./sums.ts";

/** A value. */
export type Known =
  /** An integer of 32 bits: the sum modulo 2^32. */
  | { readonly kind: "integer"; readonly signed: boolean; readonly sum: Sum }
  | { readonly kind: "condition"; readonly condition: Condition }
  /** Three integers: a position among workers or workgroups. */
  | { readonly kind: "position"; readonly parts: readonly Known[] }
  /** Whatever memory holds, or is made of it. */
  | { readonly kind: "data"; readonly type: string };

const WORD = 2 ** 32;

/** Beyond this, sums of products would no longer be exact. */
const GREATEST = 2 ** 44;

const least = (signed: boolean): number => signed ? -WORD / 2 : 0;

/** Arithmetic of what is known. */
export class Arithmetic {
  /** All unknowns of a text. */
  readonly unknowns = new Unknowns();

  /** An integer. */
  integer(sum: Sum, signed: boolean): Known {
    const fits = Math.abs(sum.constant) <= GREATEST &&
      [...sum.terms.values()].every(({ by }) => Math.abs(by) <= GREATEST);
    return fits ? { kind: "integer", signed, sum } : this.any(signed ? "i32" : "u32");
  }

  /** Any value of a type. */
  any(type: string): Known {
    if (type === "u32" || type === "i32") {
      const from = least(type === "i32");
      return {
        kind: "integer",
        signed: type === "i32",
        sum: this.unknowns.given(from, from + WORD - 1),
      };
    }
    if (type === "bool") return { kind: "condition", condition: this.unknowns.condition() };
    return { kind: "data", type };
  }

  /** Zero of a type. */
  zero(type: string): Known {
    return type === "u32" || type === "i32" ? this.integer(whole(0), type === "i32") : this.any(type);
  }

  /** The number itself, not modulo 2^32: an unknown of its own where the sum may lie outside of its type. */
  exact(path: Path, { signed, sum }: Known & { readonly kind: "integer" }): Sum {
    const from = least(signed);
    for (const depth of [0, 1, 2, 3]) {
      if (atLeast(path, sum, depth) >= from && atMost(path, sum, depth) < from + WORD) return sum;
    }
    return this.unknowns.given(from, from + WORD - 1);
  }

  /** `a < b`, or `a <= b`. */
  #below(path: Path, a: Known, b: Known, strictly: boolean): Condition {
    if (a.kind !== "integer" || b.kind !== "integer") return this.unknowns.condition();
    const right = plus(this.exact(path, b), whole(strictly ? -1 : 0));
    // a number that may have been counted below 0 is great where it was
    if (
      !a.signed && atLeast(path, a.sum, 1) < 0 && atMost(path, a.sum, 1) < WORD &&
      atLeast(path, a.sum, 1) + WORD > atMost(path, right, 1)
    ) return { kind: "within", sum: a.sum, high: right, key: `${keyOf(a.sum)} in ${keyOf(right)}` };
    const sum = plus(this.exact(path, a), right, -1);
    return { kind: "not above 0", sum, key: keyOf(sum) };
  }

  /** Not a condition. */
  not(of: Condition): Condition {
    return of.kind === "not" ? of.of : { kind: "not", of, key: `!(${of.key})` };
  }

  /** Both of two conditions. */
  both(a: Condition, b: Condition): Condition {
    return { kind: "both", of: [a, b], key: `(${a.key} & ${b.key})` };
  }

  /** The condition that a value is. */
  condition(of: Known): Condition {
    return of.kind === "condition" ? of.condition : this.unknowns.condition();
  }

  /** One of two values; values that are neither integers nor alike are any of their type. */
  either(when: Condition, then: Known, otherwise: Known): Known {
    if (then === otherwise) return then;
    if (then.kind === "integer" && otherwise.kind === "integer" && then.signed === otherwise.signed) {
      return this.integer(this.unknowns.either(when, then.sum, otherwise.sum), then.signed);
    }
    return then.kind === "condition" ? this.any("bool") : then;
  }

  /** The least or the greatest of two integers. */
  pick(path: Path, kind: "least" | "greatest", a: Known, b: Known): Known {
    if (a.kind !== "integer" || b.kind !== "integer") return this.any(a.kind === "data" ? a.type : "f32");
    const signed = a.signed || b.signed;
    return this.integer(this.unknowns.pick(kind, this.exact(path, a), this.exact(path, b)), signed);
  }

  /** An operator between two values. */
  binary(path: Path, op: string, a: Known, b: Known): Known {
    const says = (condition: Condition): Known => ({ kind: "condition", condition });
    switch (op) {
      case "&&":
        return says(this.both(this.condition(a), this.condition(b)));
      case "||":
        return says(this.not(this.both(this.not(this.condition(a)), this.not(this.condition(b)))));
      case "<":
      case "<=":
        return says(this.#below(path, a, b, op === "<"));
      case ">":
      case ">=":
        return says(this.#below(path, b, a, op === ">"));
      case "==":
      case "!=": {
        if (a.kind !== "integer" || b.kind !== "integer") return this.any("bool");
        const equal = this.both(this.#below(path, a, b, false), this.#below(path, b, a, false));
        return says(op === "==" ? equal : this.not(equal));
      }
    }
    if (a.kind !== "integer" || b.kind !== "integer") return a.kind === "data" ? a : b;
    const signed = a.signed || b.signed;
    switch (op) {
      case "+":
        return this.integer(plus(a.sum, b.sum), signed);
      case "-":
        return this.integer(plus(a.sum, b.sum, -1), signed);
      case "*":
        if (b.sum.terms.size === 0) return this.integer(times(a.sum, b.sum.constant), signed);
        return a.sum.terms.size === 0
          ? this.integer(times(b.sum, a.sum.constant), signed)
          : this.any(signed ? "i32" : "u32");
      case "<<":
        if (b.sum.terms.size === 0) return this.integer(times(a.sum, 2 ** b.sum.constant), signed);
        break;
      case ">>":
        if (b.sum.terms.size === 0) return this.#divided(path, "/", a, 2 ** b.sum.constant);
        break;
      case "/":
      case "%":
        if (b.sum.terms.size === 0) return this.#divided(path, op, a, b.sum.constant);
        break;
      case "&": {
        const mask = b.sum.terms.size === 0 ? b.sum.constant + 1 : 0;
        if (mask > 0 && Number.isInteger(Math.log2(mask))) return this.#divided(path, "%", a, mask);
      }
    }
    return this.any(signed ? "i32" : "u32");
  }

  /** Quotients and remainders of what is not below 0, where rounding downwards is rounding toward 0. */
  #divided(path: Path, op: "/" | "%", a: Known & { readonly kind: "integer" }, by: number): Known {
    const of = this.exact(path, a);
    if (by <= 0 || (a.signed && atLeast(path, of, 2) < 0)) return this.any(a.signed ? "i32" : "u32");
    return this.integer(
      op === "/" ? this.unknowns.quotient(path, of, by) : this.unknowns.remainder(path, of, by),
      a.signed,
    );
  }
}
