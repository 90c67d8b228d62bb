/**
 * The passes from a description to kernels, in order: what each may assume and what it establishes. Tests run them one
 * by one over random programs and ask after each whether what it and those before it established holds.
 */
import { inlined, is, type Rule, rules, simplify, type Tensor, topological } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { alongside, packedOnce, type Placed, tooLong, unpacked } from "../graph/foreach.ts";
import { refuseHalf } from "../graph/half.ts";
import { attentionRules, productRules, reductionRules, splitKeys } from "../graph/rules.ts";
import { isLaidOut, layOutScans } from "../graph/scan_layout.ts";
import { areMerged, sideBySide } from "../graph/side_by_side.ts";
import { widestHead } from "../schedule/attention.ts";
import type { Schedules } from "../schedule/schedule.ts";

/** Inputs of every pass. */
export interface PassContext {
  /** The device. */
  readonly profile: DeviceProfile;
  /** Whether kernels are merged. */
  readonly fuse: boolean;
  /** Whether multi-tensor nodes are computed as one, on tensors side by side. */
  readonly batch: boolean;
  /** Whether attention has kernels of its own: always, never, or where the device is better off with them. */
  readonly attention: boolean | undefined;
  /** Whether descriptions are simplified. */
  readonly simplify: boolean;
  /** Where inputs are that other programs have, too. */
  readonly placed: Placed;
  /** What measurements found. */
  readonly schedules: Schedules;
}

/** A rewrite of a whole description. */
export interface Pass {
  /** Its name. */
  readonly name: string;
  /** What it may assume. */
  readonly assumes: string;
  /** What holds afterwards, and still holds after all later passes. */
  readonly establishes: string;
  /** Whether it does. */
  readonly holds: (roots: readonly Tensor[], context: PassContext) => boolean;
  /** The pass. Throws where the description cannot be compiled for the device. */
  readonly run: (roots: readonly Tensor[], context: PassContext) => readonly Tensor[];
}

/** All nodes below some roots, those in bodies of scans included. */
const nodesOf = (roots: readonly Tensor[]): readonly Tensor[] =>
  topological(roots).flatMap((t) => is("scan", t) ? [t, ...nodesOf(t.attributes.body.results)] : [t]);

/** The attention that is made of products on a device, or split over its keys. */
const attentionFor = ({ profile, attention }: PassContext): readonly Rule[] => [
  ...attentionRules(
    attention ?? profile.attention
      ? {
        fewest: attention === true ? 0 : profile.minQueries,
        widest: widestHead(profile),
        bindings: profile.maxBindings,
      }
      : { fewest: Infinity, widest: 0, bindings: 0 },
  ),
  ...splitKeys(profile.attentionUnits),
];

const maxBytes = ({ maxBindingBytes, maxBufferBytes }: DeviceProfile): number =>
  Math.min(maxBindingBytes, maxBufferBytes);

const none = (table: readonly Rule[], roots: readonly Tensor[]): boolean =>
  nodesOf(roots).every((t) => table.every(({ rewrite }) => (rewrite(t) ?? t) === t));

/** The passes over descriptions. */
export const passes: readonly Pass[] = [
  {
    name: "inline",
    assumes: "a description without leaked parameters",
    establishes: "no calls",
    holds: (roots) => nodesOf(roots).every((t) => !is("call", t)),
    run: inlined,
  },
  {
    name: "types",
    assumes: "no calls",
    establishes: "no f16 where the device has none",
    holds: (roots, { profile }) => profile.f16 || nodesOf(roots).every((t) => t.dtype !== "f16"),
    run: (roots, { profile }) => {
      refuseHalf(roots, profile);
      return roots;
    },
  },
  {
    name: "decompose",
    assumes: "no calls",
    establishes: "no attention but what the device has kernels for",
    holds: (roots, context) => none(attentionFor(context), roots),
    run: (roots, context) => simplify(roots, attentionFor(context)),
  },
  {
    name: "multi-tensor nodes",
    assumes: "no calls",
    establishes: "multi-tensor nodes where tensors are to be side by side, of those that a binding holds",
    holds: (roots, { batch }) =>
      batch || nodesOf(roots).every((t) => !is("foreach", t) && !is("foreachSum", t)),
    run: (roots, { profile, batch }) => unpacked(batch ? tooLong(maxBytes(profile)) : () => true)(roots),
  },
  {
    name: "alongside",
    assumes: "multi-tensor nodes where tensors are to be side by side",
    establishes: "multi-tensor nodes whose inputs are side by side where other programs have them",
    holds: (roots, { placed }) => alongside(placed)(roots).every((t, i) => t === roots[i]),
    run: (roots, { placed }) => Object.keys(placed).length === 0 ? roots : alongside(placed)(roots),
  },
  {
    name: "simplify",
    assumes: "no calls",
    establishes: "no marks for derivatives, and no node that a rule makes unnecessary",
    holds: (roots, context) => !context.simplify || nodesOf(roots).every((t) => !is("stopGradient", t)),
    run: (roots, context) => context.simplify ? simplify(roots, rules) : roots,
  },
  {
    name: "side by side",
    assumes: "no node that a rule makes unnecessary",
    establishes: "on GPUs, products of one operand with copies of several weights are one",
    holds: (roots, { profile, fuse }) => !fuse || profile.provider === "cpu" || areMerged(roots),
    run: (roots, { profile, fuse }) => fuse && profile.provider !== "cpu" ? sideBySide(roots) : roots,
  },
  {
    name: "products",
    assumes: "no attention but what the device has kernels for: its products are products now",
    establishes: "on GPUs, no product of few rows, and none whose sum is better split",
    holds: (roots, { profile, fuse, schedules }) =>
      !fuse || profile.provider === "cpu" || none(productRules(schedules), roots),
    // without fusion the terms of sums would be stored; the CPU back end has kernels for few rows
    run: (roots, { profile, fuse, schedules }) =>
      fuse && profile.provider !== "cpu" ? simplify(roots, productRules(schedules)) : roots,
  },
  {
    name: "packs",
    assumes: "multi-tensor nodes are as they stay",
    establishes: "every tensor of a multi-tensor node in one place of one pack",
    holds: (roots) => packedOnce(roots).every((t, i) => t === roots[i]),
    run: packedOnce,
  },
  {
    name: "reductions",
    assumes: "products are as they stay: sums of theirs may be long",
    establishes: "no reduction of few results that is longer than the device's",
    holds: (roots, { profile }) => none(reductionRules(profile.maxSumLength), roots),
    run: (roots, { profile: { maxSumLength } }) =>
      maxSumLength === Infinity ? roots : simplify(roots, reductionRules(maxSumLength)),
  },
  {
    name: "scan layout",
    assumes: "bodies of scans are as they stay",
    establishes:
      "slices of stacks at multiples of the device's alignment, and scans whose operands are distinct",
    holds: (roots, { profile }) => isLaidOut(roots, profile.bindingAlignment),
    run: (roots, { profile }) => layOutScans(roots, profile.bindingAlignment),
  },
];

/** A description as kernels are built from it. */
export const lowered = (roots: readonly Tensor[], context: PassContext): readonly Tensor[] =>
  passes.reduce((now, pass) => pass.run(now, context), roots);
