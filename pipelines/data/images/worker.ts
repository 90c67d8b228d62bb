/** The worker's side of decoding: files in, squares of bytes out, without copying them back. */
import { squareBicubic } from "../../vision/bicubic.ts";
import { decodeImage, ImageError, type ImageReason } from "./decode.ts";

/** Asks for one picture. */
export interface Job {
  /** Name shown in errors. */
  readonly file: string;
  /** The encoded picture. */
  readonly bytes: Uint8Array;
  /** Side of the square, pixels. */
  readonly side: number;
  /** Most pixels of the picture. */
  readonly mostPixels: number;
}

/** What a worker sends. */
export type Answer =
  /** `side * side * 3` bytes of RGB. */
  | { readonly kind: "square"; readonly rgb: Uint8Array }
  | {
    readonly kind: "refused";
    readonly reason: ImageReason;
    readonly got: string;
    readonly expected: string;
    readonly mend: string;
  }
  | { readonly kind: "failed"; readonly message: string };

/** One job done. */
export const answerOf = async ({ file, bytes, side, mostPixels }: Job): Promise<Answer> => {
  try {
    return { kind: "square", rgb: squareBicubic(await decodeImage(file, bytes, mostPixels), side) };
  } catch (cause) {
    if (!(cause instanceof ImageError)) return { kind: "failed", message: String(cause) };
    const { reason, got, expected, mend } = cause;
    return { kind: "refused", reason, got, expected, mend };
  }
};

interface WorkerScope {
  readonly postMessage: (message: Answer, transfer: Transferable[]) => void;
  onmessage: (event: MessageEvent<Job>) => void;
}

const serve = (scope: WorkerScope): void => {
  scope.onmessage = (event) => {
    void answerOf(event.data).then((answer) =>
      scope.postMessage(answer, answer.kind === "square" ? [answer.rgb.buffer as ArrayBuffer] : [])
    );
  };
};

if ("DedicatedWorkerGlobalScope" in globalThis) serve(globalThis as unknown as WorkerScope);
