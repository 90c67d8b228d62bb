/** Samples of formats: captions. */
import { json, type Sample, sample, text } from "./sample_form.ts";

const coco = {
  info: { description: "COCO 2014 Dataset", year: 2014 },
  images: [
    {
      license: 5,
      file_name: "COCO_val2014_000000000042.jpg",
      coco_url: "u",
      height: 478,
      width: 640,
      date_captured: "2013",
      id: 42,
    },
    { license: 5, file_name: "COCO_val2014_000000000073.jpg", height: 640, width: 564, id: 73 },
  ],
  licenses: [{ url: "u", id: 1, name: "n" }],
  annotations: [
    {
      image_id: 73,
      id: 641613,
      caption: "A motorcycle parked in a parking space next to another motorcycle.",
    },
    { image_id: 42, id: 641614, caption: "This wire metal rack holds several pairs of shoes and sandals" },
    { image_id: 42, id: 641620, caption: 'A dog sleeping on a show rack in the shoes. "Snoozing" \\ {[' },
  ],
};

export const captionsSamples: readonly Sample[] = [
  sample("coco-captions", [json("captions_val2014.json", coco)], 5, [
    {
      kind: "caption",
      id: "42",
      image: "COCO_val2014_000000000042.jpg",
      question: "",
      references: [coco.annotations[1]!.caption, coco.annotations[2]!.caption],
    },
    {
      kind: "caption",
      id: "73",
      image: "COCO_val2014_000000000073.jpg",
      question: "",
      references: [coco.annotations[0]!.caption],
    },
  ]),
  sample(
    "karpathy",
    [json("dataset_coco.json", {
      images: [{
        filepath: "val2014",
        sentids: [770337],
        filename: "COCO_val2014_000000391895.jpg",
        imgid: 0,
        split: "test",
        sentences: [{
          tokens: ["a", "man"],
          raw: "A man with a red helmet on a small moped on a dirt road. ",
          imgid: 0,
          sentid: 770337,
        }],
        cocoid: 391895,
      }, {
        sentids: [0],
        imgid: 7,
        sentences: [{ tokens: ["two"], raw: "Two young guys.", imgid: 7, sentid: 0 }],
        split: "train",
        filename: "1000092795.jpg",
      }],
      dataset: "coco",
    })],
    2,
    [
      {
        kind: "caption",
        id: "391895",
        image: "val2014/COCO_val2014_000000391895.jpg",
        question: "",
        references: ["A man with a red helmet on a small moped on a dirt road. "],
      },
      { kind: "caption", id: "7", image: "1000092795.jpg", question: "", references: ["Two young guys."] },
    ],
  ),
  sample(
    "flickr30k",
    [text(
      "results_20130124.token",
      "1000092795.jpg#0\tTwo young guys with shaggy hair look at their hands .\n" +
        "1000092795.jpg#1\tTwo young , White males are outside near many bushes .\n" +
        "10002456.jpg#0\tSeveral men in hard hats are operating a giant pulley system .\n",
    )],
    3,
    [
      {
        kind: "caption",
        id: "1000092795",
        image: "1000092795.jpg",
        question: "",
        references: [
          "Two young guys with shaggy hair look at their hands .",
          "Two young , White males are outside near many bushes .",
        ],
      },
      {
        kind: "caption",
        id: "10002456",
        image: "10002456.jpg",
        question: "",
        references: ["Several men in hard hats are operating a giant pulley system ."],
      },
    ],
  ),
  sample(
    "nocaps",
    [json("nocaps_val_4500_captions.json", {
      licenses: [],
      info: {},
      images: [{
        id: 0,
        open_images_id: "0013ea2087020901",
        height: 1024,
        width: 732,
        coco_url: "u",
        file_name: "0013ea2087020901.jpg",
        license: 0,
        domain: "near-domain",
      }],
      annotations: [{ id: 0, image_id: 0, caption: "A baby is standing in front of a house." }],
    })],
    2,
    [{
      kind: "caption",
      id: "0",
      image: "0013ea2087020901.jpg",
      question: "",
      references: ["A baby is standing in front of a house."],
      part: "near-domain",
    }],
  ),
  sample(
    "textcaps",
    [json("TextCaps_0.1_val.json", {
      dataset_type: "val",
      dataset_name: "textcaps",
      dataset_version: "0.1",
      data: [
        {
          image_id: "ed2b0c0a7a9b4b9e",
          image_classes: ["Bottle"],
          caption_str: "A bottle of ale is by a glass.",
          reference_strs: ["A bottle of ale is by a glass.", "Ale named Hop."],
          caption_id: 1,
          set_name: "val",
          image_path: "train/ed2b0c0a7a9b4b9e.jpg",
        },
        { image_id: "ed2b0c0a7a9b4b9e", caption_str: "Ale named Hop.", caption_id: 2, set_name: "val" },
      ],
    })],
    2,
    [{
      kind: "caption",
      id: "ed2b0c0a7a9b4b9e",
      image: "ed2b0c0a7a9b4b9e",
      question: "",
      references: ["A bottle of ale is by a glass.", "Ale named Hop."],
    }],
  ),
];
