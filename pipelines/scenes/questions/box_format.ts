/** Boxes as questions speak them. */
import { type BoxFormat, gridBoxes, taggedBoxes } from "../../text/boxes.ts";
import type { DataConfig } from "../config.ts";

/** The format of a configuration's boxes: words of its grid, or whole numbers from 0 to 999. */
export const boxFormatOf = ({ grid, world }: DataConfig): BoxFormat =>
  world?.boxes === "thousand" ? taggedBoxes : gridBoxes(grid);
