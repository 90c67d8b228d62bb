/** Why the board cannot be shown. */
import { TaggedFault } from "../base/fault.ts";

/** A port that is taken, or a folder that is none. */
export class BoardError extends TaggedFault("BoardError") {}
