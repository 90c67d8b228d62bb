/** The word tables of the VQA evaluation (GT-Vision-Lab/VQA, vqaEval.py). */

/** Number words and the digits that they become. */
export const numberWords: Readonly<Record<string, string>> = {
  none: "0",
  zero: "0",
  one: "1",
  two: "2",
  three: "3",
  four: "4",
  five: "5",
  six: "6",
  seven: "7",
  eight: "8",
  nine: "9",
  ten: "10",
};

/** Words that are left out. */
export const articles: ReadonlySet<string> = new Set(["a", "an", "the"]);

/** Marks that are removed or become spaces, in the order of the script. */
export const marks: readonly string[] = [...';/[]"{}()=+\\_-><@`,?!'];

// What the words before the colon become. The script's forms of I (Im, Ive, ...) never match: text is lower-case by
// then. `somebody'd` loses its apostrophe, as in the script.
const table = `
aint: ain't
arent: aren't
cant: can't
couldve: could've
couldnt: couldn't
couldn'tve couldnt've: couldn't've
didnt: didn't
doesnt: doesn't
dont: don't
hadnt: hadn't
hadnt've hadn'tve: hadn't've
hasnt: hasn't
havent: haven't
hed: he'd
hed've he'dve: he'd've
hes: he's
howd: how'd
howll: how'll
hows: how's
isnt: isn't
itd: it'd
itd've it'dve: it'd've
itll: it'll
maam: ma'am
mightnt: mightn't
mightnt've mightn'tve: mightn't've
mightve: might've
mustnt: mustn't
mustve: must've
neednt: needn't
notve: not've
oclock: o'clock
oughtnt: oughtn't
ow's'at 'ows'at 'ow'sat: 'ow's'at
shant: shan't
shed've she'dve: she'd've
shouldve: should've
shouldnt: shouldn't
shouldnt've shouldn'tve: shouldn't've
somebody'd: somebodyd
somebodyd've somebody'dve: somebody'd've
somebodyll: somebody'll
somebodys: somebody's
someoned: someone'd
someoned've someone'dve: someone'd've
someonell: someone'll
someones: someone's
somethingd: something'd
somethingd've something'dve: something'd've
somethingll: something'll
thats: that's
thered: there'd
thered've there'dve: there'd've
therere: there're
theres: there's
theyd: they'd
theyd've they'dve: they'd've
theyll: they'll
theyre: they're
theyve: they've
twas: 'twas
wasnt: wasn't
wed've we'dve: we'd've
weve: we've
werent: weren't
whatll: what'll
whatre: what're
whats: what's
whatve: what've
whens: when's
whered: where'd
wheres: where's
whereve: where've
whod: who'd
whod've who'dve: who'd've
wholl: who'll
whos: who's
whove: who've
whyll: why'll
whyre: why're
whys: why's
wont: won't
wouldve: would've
wouldnt: wouldn't
wouldnt've wouldn'tve: wouldn't've
yall: y'all
yall'll y'allll: y'all'll
yall'd've y'alld've y'all'dve: y'all'd've
youd: you'd
youd've you'dve: you'd've
youll: you'll
youre: you're
youve: you've`;

/** Words that lack an apostrophe, and the words meant. */
export const contractions: ReadonlyMap<string, string> = new Map(
  table.trim().split("\n").flatMap((line) => {
    const [from, to] = line.split(": ") as [string, string];
    return from.split(" ").map((word) => [word, to] as const);
  }),
);
