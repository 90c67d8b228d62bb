/**
 * The shipped model, which questions go to that name no checkpoint: a folder like that of an artefact, its weights as
 * f16 and without what its training would need to go on, and its card. `tools/model/make.ts` makes it.
 */
import { fileURLToPath } from "node:url";

/** The folder of the shipped model. */
export const shippedModel: string = fileURLToPath(new URL("./shipped", import.meta.url));
