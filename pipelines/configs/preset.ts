/** The sizes of experiments, by one name in every command, notebook and record. */

/** Every preset, the smallest first. */
export const presetNames = ["smoke", "small", "medium", "gpu", "full"] as const;

/** Name of a preset. */
export type PresetName = (typeof presetNames)[number];

/** Purpose of each preset. */
export const presetAbout: Readonly<Record<PresetName, string>> = {
  smoke: "seconds: goes through every stage, learns nothing",
  small: "two cores, minutes",
  medium: "two cores, an hour or two",
  gpu: "one GPU, an hour",
  full: "one GPU, a day",
};

/** Names that presets had before, with today's. */
const OLD: Readonly<Record<string, PresetName>> = {
  micro: "small",
  tiny: "smoke",
  software: "small",
  lab: "gpu",
  research: "gpu",
  base: "full",
};

/** The preset that a text names, with a hint where it is an old name; nothing where there is none of that name. */
export const presetNamed = (
  text: string,
): { readonly name: PresetName; readonly hint?: string } | undefined => {
  const known = presetNames.find((name) => name === text);
  if (known !== undefined) return { name: known };
  const name = Object.hasOwn(OLD, text) ? OLD[text] : undefined;
  return name === undefined
    ? undefined
    : { name, hint: `the preset ${text} is called ${name} now; the next version knows ${name} alone` };
};
