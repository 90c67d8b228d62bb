/** The worker's side of reading Parquet tables: footers in, plans out; bytes of a group in, its rows out. */
import { serve } from "../../threads/serve.ts";
import { type ColumnKind, type GroupPlan, planTable } from "./plan.ts";
import { buffersOf, type Column, groupRows } from "./rows.ts";

/** A request. */
export type TableRequest =
  | { readonly kind: "plan"; readonly footer: Uint8Array; readonly size: number }
  | { readonly kind: "rows"; readonly group: GroupPlan; readonly bytes: readonly Uint8Array[] };

/** An answer. */
export type TableAnswer =
  | { readonly kind: "plan"; readonly groups: readonly GroupPlan[] }
  | { readonly kind: "rows"; readonly columns: Readonly<Partial<Record<ColumnKind, Column>>> };

serve<TableRequest, TableAnswer>((request) => {
  if (request.kind === "plan") {
    return { value: { kind: "plan", groups: planTable(request.footer, request.size) } };
  }
  const columns = groupRows(request.group, request.bytes);
  return { value: { kind: "rows", columns }, transfer: buffersOf(columns) };
});
