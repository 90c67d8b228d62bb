/** Messages between the training page and its worker. */
import type { DeviceChoice } from "./messages.ts";
import type { TrainingEvent } from "./trainer.ts";

/** Requests to the worker. */
export type TrainRequest =
  | { readonly kind: "start"; readonly device: DeviceChoice; readonly fresh: boolean }
  | { readonly kind: "stop" }
  | { readonly kind: "ask"; readonly image: Blob; readonly question: string };

/** Replies of the worker. */
export type TrainReply =
  | TrainingEvent
  | { readonly kind: "progress"; readonly loaded: number; readonly total: number }
  | {
    readonly kind: "started";
    readonly device: string;
    readonly arms: readonly string[];
    readonly steps: number;
    readonly questions: number;
  }
  | { readonly kind: "stopped" }
  | { readonly kind: "finished" }
  | { readonly kind: "answers"; readonly arm: number; readonly answer: string }
  | { readonly kind: "failed"; readonly message: string };
