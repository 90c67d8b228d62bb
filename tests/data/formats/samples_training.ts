/** Samples of formats: pairs and conversations. */
import { parquetWriteBuffer } from "hyparquet-writer";
import { Buffer } from "node:buffer";
import tar from "tar-stream";
import { json, PNG, type Sample, sample } from "./sample_form.ts";

const tarOf = (members: readonly (readonly [string, string | Uint8Array])[]): Promise<Uint8Array> => {
  const pack = tar.pack(), parts: Uint8Array[] = [];
  for (const [name, content] of members) pack.entry({ name }, Buffer.from(content as Uint8Array));
  pack.finalize();
  return (async () => {
    for await (const part of pack) parts.push(part as Uint8Array);
    return new Uint8Array(Buffer.concat(parts));
  })();
};

/** Samples of what is trained on; archives take a moment to pack. */
export const trainingSamples = async (): Promise<readonly Sample[]> => [
  sample(
    "llava",
    [json("llava_v1_5_mix665k.json", [
      {
        id: "000000033471",
        image: "coco/train2017/000000033471.jpg",
        conversations: [
          { from: "human", value: "<image>\nWhat are the colors of the bus in the image?" },
          { from: "gpt", value: "The bus in the image is white and red." },
          { from: "human", value: "What feature can be seen on the back of the bus?" },
          { from: "gpt", value: "The back of the bus features an advertisement." },
        ],
      },
      {
        id: "wgByO4Y_0",
        model: "",
        conversations: [{ from: "human", value: "Why?" }, { from: "gpt", value: "Because." }],
      },
      {
        id: "nlvr2_0",
        image: ["nlvr2/a.png", "nlvr2/b.png"],
        conversations: [
          { from: "human", value: "Left <image>, right <image>: do both show a dog?" },
          { from: "gpt", value: "Yes." },
        ],
      },
    ])],
    3,
    [
      {
        kind: "conversation",
        id: "000000033471",
        images: ["coco/train2017/000000033471.jpg"],
        messages: [
          { role: "user", content: "<image>\nWhat are the colors of the bus in the image?" },
          { role: "assistant", content: "The bus in the image is white and red." },
          { role: "user", content: "What feature can be seen on the back of the bus?" },
          { role: "assistant", content: "The back of the bus features an advertisement." },
        ],
      },
      {
        kind: "conversation",
        id: "wgByO4Y_0",
        images: [],
        messages: [{ role: "user", content: "Why?" }, { role: "assistant", content: "Because." }],
      },
      {
        kind: "conversation",
        id: "nlvr2_0",
        images: ["nlvr2/a.png", "nlvr2/b.png"],
        messages: [
          { role: "user", content: "Left <image>, right <image>: do both show a dog?" },
          { role: "assistant", content: "Yes." },
        ],
      },
    ],
  ),
  sample(
    "webdataset",
    [{
      name: "shards/00000.tar",
      bytes: await tarOf([
        ["000000000.jpg", PNG],
        ["000000000.txt", "a very typical bus station\n"],
        ["000000000.json", JSON.stringify({ caption: "other", url: "u" })],
        ["000000001.png", PNG],
        ["000000001.json", JSON.stringify({ caption: "sierra looked stunning", width: 1 })],
      ]),
      form: "binary",
    }],
    2,
    [
      {
        kind: "pair",
        id: "00000.tar/000000000",
        image: "000000000.jpg",
        caption: "a very typical bus station",
      },
      { kind: "pair", id: "00000.tar/000000001", image: "000000001.png", caption: "sierra looked stunning" },
    ],
  ),
  sample(
    "parquet",
    [{
      name: "part-00000.parquet",
      bytes: new Uint8Array(parquetWriteBuffer({
        columnData: [
          { name: "id", data: [4896263451343n, 1n], type: "INT64" },
          {
            name: "url",
            data: ["https://example.invalid/a.jpg", "https://example.invalid/b.jpg"],
            type: "STRING",
          },
          { name: "text", data: ["Canvas print of a café", "DIRAC 01"], type: "STRING" },
          { name: "width", data: [1024, 3], type: "INT32" },
        ],
      })),
      form: "binary",
    }],
    2,
    [
      {
        kind: "pair",
        id: "4896263451343",
        image: "https://example.invalid/a.jpg",
        caption: "Canvas print of a café",
      },
      { kind: "pair", id: "1", image: "https://example.invalid/b.jpg", caption: "DIRAC 01" },
    ],
  ),
];
