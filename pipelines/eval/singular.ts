/**
 * Singular forms of English nouns as CHAIR has them: the function `singularize` of clips/pattern
 * (pattern/text/en/inflect.py), its oddities included: `bus` becomes `bu`, `ties` becomes `ty`, `collies` stays.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Words that have one form, or stay as they are; a word that ends one of them stays too. */
const unchanged: readonly string[] = words(`
  bison bream breeches britches carp chassis christmas clippers cod contretemps corps debris diabetes djinn eland elk
  flounder gallows georgia graffiti headquarters herpes high-jinks homework innings jackanapes mackerel measles mews mumps
  news pincers pliers proceedings rabies salmon scissors series shears species swine swiss trout tuna whiting wildebeest
  advice bread butter cheese electricity equipment fruit furniture garbage gravel happiness information ketchup knowledge
  love luggage mathematics mayonnaise meat mustard news progress research rice sand software understanding water`);

/** Endings in -ie whose plural stays as it is, as `singularize` leaves it. */
const inIe: readonly string[] = words(`
  alergie auntie beanie birdie bogie bombie collie cookie cutie doggie eyrie freebie goonie groupie hankie hippie hoagie
  hottie indie junkie laddie laramie lingerie meanie newbie nightie oldie pixie quickie reverie rookie softie sortie stoolie
  sweetie techie toughie valkyrie veggie weenie yuppie zombie`);

/** Irregular plurals, tried in this order at the end of a word. */
const irregular: readonly (readonly [plural: string, singular: string])[] = words(`
  atlantes:atlas atlases:atlas axes:axe beeves:beef brethren:brother children:child corpora:corpus corpuses:corpus
  ephemerides:ephemeris feet:foot ganglia:ganglion geese:goose genera:genus genii:genie graffiti:graffito helves:helve
  kine:cow leaves:leaf loaves:loaf men:man mongooses:mongoose monies:money moves:move mythoi:mythos numena:numen
  occipita:occiput octopodes:octopus opera:opus opuses:opus our:my oxen:ox penes:penis penises:penis people:person
  sexes:sex soliloquies:soliloquy teeth:tooth testes:testis trilbys:trilby turves:turf zoa:zoon`)
  .map((pair) => pair.split(":") as [string, string]);

/** Endings and what they become; the first that matches decides. */
const endings: readonly (readonly [ending: RegExp, singular: string])[] = [
  [/(.)ae$/, "$1a"],
  [/(.)itis$/, "$1itis"],
  [/(.)eaux$/, "$1eau"],
  [/(quiz)zes$/, "$1"],
  [/(matr)ices$/, "$1ix"],
  [/(ap|vert|ind)ices$/, "$1ex"],
  [/^(ox)en/, "$1"],
  [/(alias|status)es$/, "$1"],
  [/([octop|vir])i$/, "$1us"],
  [/(cris|ax|test)es$/, "$1is"],
  [/(shoe)s$/, "$1"],
  [/(o)es$/, "$1"],
  [/(bus)es$/, "$1"],
  [/([m|l])ice$/, "$1ouse"],
  [/(x|ch|ss|sh)es$/, "$1"],
  [/(m)ovies$/, "$1ovie"],
  [/(.)ombies$/, "$1ombie"],
  [/(s)eries$/, "$1eries"],
  [/([^aeiouy]|qu)ies$/, "$1y"],
  [/([aeo]l)ves$/, "$1f"],
  [/([^d]ea)ves$/, "$1f"],
  [/arves$/, "arf"],
  [/erves$/, "erve"],
  [/([nlw]i)ves$/, "$1fe"],
  [/([lr])ves$/, "$1f"],
  [/([aeo])ves$/, "$1ve"],
  [/(sive|tive|hive)s$/, "$1"],
  [/([^f])ves$/, "$1fe"],
  [/(^analy)ses$/, "$1sis"],
  [/(analy)ses$/, "$1asis"],
  [/(ba|diagno|parenthe|progno|synop|the)ses$/, "$1sis"],
  [/(.)opses$/, "$1opsis"],
  [/(.)yses$/, "$1ysis"],
  [/(h|d|r|o|n|b|cl|p)oses$/, "$1ose"],
  [/(fruct|gluc|galact|lact|ket|malt|rib|sacchar|cellul)ose$/, "$1ose"],
  [/(.)oses$/, "$1osis"],
  [/([ti])a$/, "$1um"],
  [/(n)ews$/, "$1ews"],
  [/s$/, ""],
];

const prepositions: ReadonlySet<string> = new Set(words(`
  about above across after among around at athwart before behind below beneath beside besides between betwixt beyond but by during except
  for from in into near of off on onto out over since till to under until unto upon with`));

/** The singular of a word in lower case. */
export const singularOf = (word: string): string => {
  const [first, second, ...rest] = word.split("-");
  if (second !== undefined && prepositions.has(second)) {
    return [singularOf(first!), second, ...rest].join("-");
  }
  if (word.endsWith("'")) return `${singularOf(word.slice(0, -1))}'s`;
  if (unchanged.some((known) => known.endsWith(word))) return word;
  if (inIe.some((known) => word.endsWith(`${known}s`))) return word;
  const odd = irregular.find(([plural]) => word.endsWith(plural));
  if (odd !== undefined) return word.slice(0, -odd[0].length) + odd[1];
  const rule = endings.find(([ending]) => ending.test(word));
  return rule === undefined ? word : word.replace(rule[0], rule[1]);
};
