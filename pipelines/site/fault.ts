/** What making or serving a site can fail with. */
import { TaggedFault } from "../base/fault.ts";

/** A site that cannot be made or served. */
export class SiteError extends TaggedFault("SiteError") {}
