/**
 * The 80 COCO objects and the words that count as each, from the synonym list of CHAIR (LisaAnne/Hallucination,
 * data/synonyms.txt). Entries that can never match there are left out: those with a doubled space before them (`motor
 * bike`, `cheesecake`) and one in capitals.
 */
const table = `
person: girl boy man woman kid child chef baker people adult rider children baby worker passenger sister biker policeman cop officer lady cowboy bride groom male female guy traveler mother father gentleman pitcher player skier snowboarder skater skateboarder foreigner caller offender coworker trespasser patient politician soldier grandchild serviceman walker drinker doctor bicyclist thief buyer teenager student camper driver solider hunter shopper villager
bicycle: bike unicycle minibike trike
car: automobile van minivan sedan suv hatchback cab jeep coupe taxicab limo taxi
motorcycle: scooter motor_cycle motorbike moped
airplane: jetliner plane air_plane monoplane aircraft jet airbus biplane seaplane
bus: minibus trolley
train: locomotive tramway caboose
truck: pickup lorry hauler firetruck
boat: ship liner sailboat motorboat dinghy powerboat speedboat canoe skiff yacht kayak catamaran pontoon houseboat vessel rowboat trawler ferryboat watercraft tugboat schooner barge ferry sailboard paddleboat lifeboat freighter steamboat riverboat battleship steamship
traffic_light: street_light traffic_signal stop_light streetlight stoplight
fire_hydrant: hydrant
stop_sign:
parking_meter:
bench: pew
bird: ostrich owl seagull goose duck parakeet falcon robin pelican waterfowl heron hummingbird mallard finch pigeon sparrow seabird osprey blackbird fowl shorebird woodpecker egret chickadee quail bluebird kingfisher buzzard willet gull swan bluejay flamingo cormorant parrot loon gosling waterbird pheasant rooster sandpiper crow raven turkey oriole cowbird warbler magpie peacock cockatiel lorikeet puffin vulture condor macaw peafowl cockatoo songbird
cat: kitten feline tabby
dog: puppy beagle pup chihuahua schnauzer dachshund rottweiler canine pitbull collie pug terrier poodle labrador doggie doberman mutt doggy spaniel bulldog sheepdog weimaraner corgi cocker greyhound retriever brindle hound whippet husky
horse: colt pony racehorse stallion equine mare foal palomino mustang clydesdale bronc bronco
sheep: lamb ram goat ewe
cow: cattle oxen ox calf holstein heifer buffalo bull zebu bison
elephant:
bear: panda
zebra:
giraffe:
backpack: knapsack
umbrella:
handbag: wallet purse briefcase
tie: bow bow_tie
suitcase: suit_case luggage
frisbee:
skis: ski
snowboard:
sports_ball: ball
kite:
baseball_bat:
baseball_glove:
skateboard:
surfboard: longboard skimboard shortboard wakeboard
tennis_racket: racket
bottle:
wine_glass:
cup:
fork:
knife: pocketknife knive
spoon:
bowl: container
banana:
apple:
sandwich: burger sub cheeseburger hamburger
orange:
broccoli:
carrot:
hot_dog:
pizza:
donut: doughnut bagel
cake: cupcake shortcake coffeecake pancake
chair: seat stool
couch: sofa recliner futon loveseat settee chesterfield
potted_plant: houseplant
bed:
dining_table: table desk
toilet: urinal commode lavatory potty
tv: monitor televison television
laptop: computer notebook netbook lenovo macbook laptop_computer
mouse:
remote:
keyboard:
cell_phone: mobile_phone phone cellphone telephone phon smartphone
microwave:
oven: stovetop stove stove_top_oven
toaster:
sink:
refrigerator: fridge freezer
book:
clock:
vase:
scissors:
teddy_bear: teddybear
hair_drier: hairdryer
toothbrush:`;

const spaced = (word: string): string => word.replaceAll("_", " ");

/** The object that a word, or two, represents. */
export const chairObjects: ReadonlyMap<string, string> = new Map(
  table.trim().split("\n").flatMap((line) => {
    const [name, rest] = line.split(":") as [string, string];
    return [name, ...rest.trim().split(" ").filter((w) => w !== "")]
      .map((word) => [spaced(word), spaced(name)] as const);
  }),
);

const pairs =
  "motor bike,motor cycle,air plane,traffic light,street light,traffic signal,stop light,fire hydrant,stop sign,parking meter,suit case,sports ball,baseball bat,baseball glove,tennis racket,wine glass,hot dog,cell phone,mobile phone,teddy bear,hair drier,potted plant,laptop computer,home plate,train track"
    .split(",");
const animals = "bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,animal,cub".split(",");

/** Two words that are read as one, and what they are read as: a baby bird is a bird, a home plate is no plate. */
export const chairPairs: ReadonlyMap<string, string> = new Map([
  ...pairs.map((pair) => [pair, pair] as const),
  ...animals.flatMap((animal) => [[`baby ${animal}`, animal], [`adult ${animal}`, animal]] as const),
  ["passenger jet", "jet"],
  ["passenger train", "train"],
  ["bow tie", "tie"],
  ["toilet seat", "toilet"],
  ["wine glas", "wine glass"],
]);
