/** What a pool and its worker threads send each other. */

/** A request; only a reply with its id answers it. */
export interface Numbered<Q> {
  /** Its number, which no other request of the process has. */
  readonly id: number;
  /** The question. */
  readonly body: Q;
}

/** A reply to the request of an id: its value, or why there is none. */
export type Reply<A> =
  | { readonly id: number; readonly value: A }
  | { readonly id: number; readonly fault: string };
