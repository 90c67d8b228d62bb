/** Words that Stanford's PTBTokenizer knows: abbreviations that keep their point, and British spellings. */

const words = (text: string): readonly string[] => text.split(" ");

/** Followed by lower case as a rule; before a capital or the end a further point ends the sentence. */
export const abbreviations: readonly string[] = [
  ...words("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thurs Fri"),
  ...words(
    "Ala Ariz Calif Colo Conn Ct Dak Fla Ga Ind Kan Kans Ky Md Mich Minn Mo Mont Neb Nev Okla Penn Tenn Va Vt",
  ),
  ...words(
    "Wis Wisc Wyo Inc Co Cos Corp Pty Pte Ltd Plc Bancorp Dept Bhd Assn Univ Intl Sys tel est ext sq ft",
  ),
  ...words("Jr Sr Bros Ed\\.D Ph\\.D Blvd Rd Esq etc al seq Bldg"),
];

/** States whose abbreviations are words, too: with a capital only. */
export const capitalAbbreviations: readonly string[] = words("Az Ark Del Ill La Mass Miss Ore Pa Tex Wash");

/** Followed by a capital as a rule, such as titles: never the end of a sentence. */
export const titles: readonly string[] = [
  ...words(
    "Mr Mrs Ms Dr Drs Prof Profs Sen Sens Rep Reps Atty Attys Lt Col Gen Messrs Gov Govs Adm Rev Maj Sgt Cpl",
  ),
  ...words(
    "Pvt Mt Capt St Ste Ave Pres Lieut Hon Brig Cmdr Comdr Pfc Spc Supt Supts Det Invt Elec Natl Mfg Ph vs",
  ),
];

/** Abbreviations before numbers alone. */
export const numbered: readonly string[] = words("ca fig figs prop no nos art bldg pp op");

/** Stems in -ise and -isation that are rewritten. */
const inIse = new RegExp(
  "^(?:" + [
    "(?:capital|final|local|maxim|minim|modern|penal|popular|pressur|real|recogn)ise",
    "(?:capital|final|local|maxim|minim|modern|penal|popular|pressur|real|recogn)ised",
    "(?:final|maxim|minim|modern|popular|pressur|real|recogn)ising",
    "(?:popular|pressur|real|recogn)ises",
    "(?:capital|organ)isation",
    "organisations",
  ].join("|") + ")$",
);

/** Words with -our- before an ending that are rewritten. */
const inOur = new RegExp(
  "^(?:" + [
    "(?:arm|rum)oured",
    "rumouring",
    "(?:col|discol|endeav|fav|flav|hon|hum|lab|sav)our(?:ed|ing)",
    "colourful",
    "favourites?",
    "honourable",
    "neighbourhoods?",
  ].join("|") + ")$",
);

/** Words in -our, but for those that are spelt so everywhere. */
const our = /^([a-z]{3,})our(s?)$/;
const everywhere = new RegExp(
  "abatjour|beflour|bonjour|calambour|carrefour|cornflour|contour|de[tv]our|dortour|dyvour|downpour|giaour|glamour|" +
    "holour|inpour|outpour|pandour|paramour|pompadour|repour|ryeflour|sompnour|tambour|troubadour|tregetour|velour",
);

const single: ReadonlyMap<string, string> = new Map(
  [
    ...words("anaesthetic:anesthetic analogue:analog analogues:analogs analyse:analyze analysed:analyzed"),
    ...words("analysing:analyzing cancelled:canceled cancelling:canceling centre:center chimaeric:chimeric"),
    ...words(
      "clamour:clamor defence:defense Defence:Defense encyclopaedia:encyclopedia fibre:fiber fibres:fibers",
    ),
    ...words("grey:gray homologue:homolog homologues:homologs kerb:curb labelled:labeled labelling:labeling"),
    ...words(
      "Labour:Labor leant:leaned learnt:learned manoeuvre:maneuver manoeuvres:maneuvers meagre:meager",
    ),
    ...words("oestrogen:estrogen oestrogens:estrogens practise:practice practised:practiced theatre:theater"),
    ...words("theatres:theaters titre:titer titres:titers travelled:traveled travelling:traveling"),
  ].map((pair) => pair.split(":") as [string, string]),
);

/** A word in American spelling, as CoreNLP 3.4.1 spells words before it makes them lower-case. */
export const americanized = (word: string): string => {
  const known = single.get(word);
  if (known !== undefined || word.length < 4) return known ?? word;
  if (inIse.test(word)) return word.replace(/is(e|ed|ing|es|ation|ations)$/, "iz$1");
  if (inOur.test(word)) return word.replace("our", "or");
  if (word.length < 6) return word;
  if (/haem(?:at)?o/.test(word)) return word.replace(/haem((?:at)?)o/g, "hem$1o");
  if (/aemia$/.test(word)) return word.replace(/aemia$/, "emia");
  if (/leukaem/i.test(word)) return word.replace(/([lL])eukaem/, "$1eukem");
  if (/programmes?$/.test(word)) return word.replace(/programme(s?)$/, "program$1");
  return our.test(word) && !everywhere.test(word) ? word.replace(our, "$1or$2") : word;
};
