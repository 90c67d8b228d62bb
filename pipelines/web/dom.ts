/** The part of the document that pages use, typed here: the types of Deno and of a browser exclude each other. */

/** Listens to events of an element. */
export type Listen = (event: PageEvent) => void;

/** An event, with what those have that pages listen to. */
export interface PageEvent {
  /** Leaves out what the browser would do. */
  readonly preventDefault: () => void;
  /** What is dropped. */
  readonly dataTransfer?: { readonly files: readonly File[] };
  /** What is pasted. */
  readonly clipboardData?: {
    readonly items: Iterable<{ readonly type: string; readonly getAsFile: () => File | null }>;
  };
}

/** An element, with what those have that pages use. */
export interface PageElement {
  textContent: string | null;
  innerHTML: string;
  className: string;
  hidden: boolean;
  readonly dataset: Record<string, string>;
  readonly style: Record<string, string>;
  readonly children: Iterable<PageElement>;
  readonly firstElementChild: PageElement | null;
  readonly append: (...children: readonly (PageElement | string)[]) => void;
  readonly replaceChildren: (...children: readonly PageElement[]) => void;
  readonly setAttribute: (name: string, value: string) => void;
  readonly querySelectorAll: (selector: string) => Iterable<PageElement>;
  readonly addEventListener: (type: string, listen: Listen) => void;
  readonly click: () => void;
}

/** A form control, a button or an image. */
export interface PageControl extends PageElement {
  value: string;
  disabled: boolean;
  readonly checked: boolean;
  readonly files: readonly File[] | null;
  readonly requestSubmit: () => void;
  src: string;
  alt: string;
}

/** A progress bar. */
export interface PageProgress extends PageElement {
  value: number;
}

/** A drawing context. */
export interface Drawing {
  fillStyle: string;
  strokeStyle: string;
  lineWidth: number;
  readonly fillRect: (x: number, y: number, width: number, height: number) => void;
  readonly strokeRect: (x: number, y: number, width: number, height: number) => void;
  readonly drawImage: (image: unknown, x: number, y: number, width: number, height: number) => void;
  readonly getImageData: (x: number, y: number, width: number, height: number) => {
    readonly data: Uint8ClampedArray;
  };
}

interface PageDocument {
  readonly getElementById: (id: string) => PageElement | null;
  readonly createElement: (name: string) => PageElement;
  readonly addEventListener: (type: string, listen: Listen) => void;
}

/** The document. */
export const page: PageDocument = (globalThis as unknown as { readonly document: PageDocument }).document;

/** The drawing context of a canvas. */
export const drawingOf = (canvas: unknown): Drawing =>
  (canvas as { readonly getContext: (kind: "2d") => Drawing }).getContext("2d");

/** The element of an id. Throws an Error where the page has none. */
export const byId = <E extends PageElement = PageElement>(id: string): E => {
  const found = page.getElementById(id);
  if (found === null) throw new Error(`the page has no element #${id}`);
  return found as E;
};

/** What a new element has. */
export interface ElementOptions {
  /** Text. */
  readonly text?: string;
  /** Class names. */
  readonly class?: string;
  /** Attributes by name. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Called when it is clicked. */
  readonly onClick?: () => void;
}

/** A new element. */
export const element = (
  name: string,
  { text, class: names, attributes = {}, onClick }: ElementOptions = {},
  ...children: readonly (PageElement | string)[]
): PageElement => {
  const made = page.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (names !== undefined) made.className = names;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (onClick !== undefined) made.addEventListener("click", onClick);
  made.append(...children);
  return made;
};

/** A share as a percentage. */
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** Seconds as people read them. */
export const secondsText = (seconds: number): string =>
  seconds < 0.1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;

/** Bytes as people read them. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
