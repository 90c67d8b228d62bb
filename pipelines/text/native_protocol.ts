/** What a caller and the thread of the native tokenizer say to each other. */

/** A request. */
export type NativeRequest =
  | { readonly kind: "open"; readonly document: string; readonly tokens: readonly string[] }
  | { readonly kind: "encode"; readonly texts: readonly string[] }
  | { readonly kind: "decode"; readonly ids: readonly number[]; readonly dropSpecial: boolean };

/** Memory that replies are written into: the data is UTF-8, or i32 of the length of each list and then its items. */
export interface SharedReply {
  /** State and size of the reply. */
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Its bytes; grows where a reply needs more. */
  readonly data: SharedArrayBuffer;
}

/** Where the control words have the state. */
export const STATE = 0;

/** Where they have the size of the reply in bytes. */
export const SIZE = 1;

/** No reply yet. */
export const WAITING = 0;

/** The reply is there. */
export const READY = 1;

/** The reply is the message of an error. */
export const FAILED = 2;
