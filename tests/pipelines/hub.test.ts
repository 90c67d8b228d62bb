/** Models named by hub id: the cache as other tools fill it, and downloads from a server that plays the hub. */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hubCache, HubError, modelFolder, withDownloads } from "../../pipelines/weights/huggingface/hub.ts";
import { fileOf, inFolder, savedModel } from "../support/checkpoint.ts";

const run = Effect.runPromise;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const { config, tensors } = savedModel("llama");
const files: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "config.json": new TextEncoder().encode(JSON.stringify(config)),
  "tokenizer.json": new TextEncoder().encode("{}"),
  "README.md": new TextEncoder().encode("# model"),
  "pytorch_model.bin": new TextEncoder().encode("pickle"),
  "model.safetensors": fileOf(tensors),
};
const oidOf = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");

const of = (variables: Readonly<Record<string, string>>) => (name: string): string | undefined =>
  variables[name];

const cache = suite("cache of Hugging Face");

cache("is where its own tools have it", () => {
  assert.is(hubCache(of({ HF_HUB_CACHE: "/a", HF_HOME: "/b" })), "/a");
  assert.is(hubCache(of({ HUGGINGFACE_HUB_CACHE: "/a", HF_HOME: "/b" })), "/a");
  assert.is(hubCache(of({ HF_HOME: "/b", HOME: "/c" })), "/b/hub");
  assert.is(hubCache(of({ XDG_CACHE_HOME: "/x", HOME: "/c" })), "/x/huggingface/hub");
  assert.is(hubCache(of({ HOME: "/c" })), "/c/.cache/huggingface/hub");
  assert.is(hubCache(of({ USERPROFILE: "C:/u" })), "C:/u/.cache/huggingface/hub");
});

cache("a folder wins; an id is its snapshot by branch, tag or commit", () =>
  inFolder(async (folder) => {
    const at = `${folder}/models--some--model`, get = of({ HF_HUB_CACHE: folder });
    await Deno.mkdir(`${at}/snapshots/${COMMIT}`, { recursive: true });
    await Deno.mkdir(`${at}/refs/pr`, { recursive: true });
    await Deno.writeTextFile(`${at}/refs/main`, COMMIT);
    await Deno.writeTextFile(`${at}/refs/pr/1`, `${COMMIT}\n`);
    const found = (where: string) => run(modelFolder(where, get));
    for (const where of ["some/model", "some/model@main", "some/model@pr/1", `some/model@${COMMIT}`]) {
      assert.is(await found(where), `${at}/snapshots/${COMMIT}`, where);
    }
    assert.is(await found(folder), folder);
    for (
      const where of [
        "some/other",
        "some/model@v2",
        "model",
        "a/b/c",
        "../model",
        "some/..",
        "some/model@../main",
        "",
      ]
    ) {
      const error = await run(Effect.flip(modelFolder(where, get)));
      assert.instance(error, HubError, where);
      assert.match(error.message, /--download/);
    }
    // a ref that leads out of the snapshots
    await Deno.writeTextFile(`${at}/refs/evil`, "../refs");
    assert.instance(await run(Effect.flip(modelFolder("some/model@evil", get))), HubError);
  }));

/** A hub with one model of the given files. Requests are counted by path. */
const hub = async (
  held: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  use: (url: string, requests: Map<string, number>, authorised: Set<string | null>) => Promise<void>,
): Promise<void> => {
  const requests = new Map<string, number>(), authorised = new Set<string | null>();
  const infoOf = (path: string) => ({
    type: "file",
    path,
    size: held[path]!.length,
    oid: oidOf(held[path]!),
    lastCommit: { id: COMMIT, title: "", date: "2024-01-01T00:00:00.000Z" },
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    authorised.add(request.headers.get("authorization"));
    requests.set(pathname, (requests.get(pathname) ?? 0) + 1);
    if (pathname.startsWith("/api/models/gated/")) {
      return Response.json({ error: "Access is restricted" }, { status: 403 });
    }
    if (pathname === `/api/models/some/model/revision/main`) {
      return Response.json({
        _id: "1",
        id: "some/model",
        private: false,
        likes: 0,
        downloads: 0,
        gated: false,
        sha: COMMIT,
        lastModified: "2024-01-01T00:00:00.000Z",
      });
    }
    if (pathname === `/api/models/some/model/tree/${COMMIT}`) {
      return Response.json(Object.keys(held).map(infoOf));
    }
    if (pathname === `/api/models/some/model/paths-info/${COMMIT}`) {
      const { paths } = await request.json() as { paths: string[] };
      return Response.json(paths.map(infoOf));
    }
    const prefix = `/some/model/resolve/${COMMIT}/`, name = pathname.slice(prefix.length);
    if (!pathname.startsWith(prefix) || held[name] === undefined) {
      return Response.json({ error: "no" }, { status: 404 });
    }
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range") ?? ""), all = held[name];
    const [first, last] = range === null ? [0, all.length - 1] : [Number(range[1]), Number(range[2])];
    const part = all.slice(first, last + 1);
    const end = Math.min(last, all.length - 1);
    return new Response(request.method === "HEAD" ? null : part, {
      status: range === null ? 200 : 206,
      headers: {
        etag: `"${oidOf(all)}"`,
        "content-length": String(part.length),
        "accept-ranges": "bytes",
        ...(range === null ? {} : { "content-range": `bytes ${first}-${end}/${all.length}` }),
      },
    });
  });
  try {
    await use(`http://127.0.0.1:${server.addr.port}`, requests, authorised);
  } finally {
    await server.shutdown();
  }
};

const download = suite("downloads from the hub");

download(
  "the files that are read here, once, and nothing without the flag",
  () =>
    inFolder((folder) =>
      hub(files, async (url, requests, authorised) => {
        const get = of({ HF_HOME: folder, HF_ENDPOINT: url, HF_TOKEN: "hf_secret" });
        assert.instance(await run(Effect.flip(modelFolder("some/model", get))), HubError);
        assert.is(requests.size, 0);
        const found = await run(withDownloads(modelFolder("some/model", get)));
        assert.equal([...Deno.readDirSync(found)].map(({ name }) => name).toSorted(), [
          "config.json",
          "model.safetensors",
          "tokenizer.json",
        ]);
        for (const name of ["config.json", "model.safetensors"]) {
          assert.equal(await Deno.readFile(`${found}/${name}`), files[name], name);
        }
        assert.equal([...authorised], ["Bearer hf_secret"]);
        const twice = Effect.all([modelFolder("some/model", get), modelFolder("some/model", get)]);
        const asked = () => requests.get("/api/models/some/model/revision/main");
        const already = asked()!;
        assert.equal(await run(withDownloads(twice)), [found, found]);
        assert.is(asked(), already + 1, "one revision for a program");
        const before = requests.get(`/some/model/resolve/${COMMIT}/model.safetensors`);
        assert.is(await run(withDownloads(modelFolder("some/model", get))), found);
        assert.is(requests.get(`/some/model/resolve/${COMMIT}/model.safetensors`), before, "not read twice");
        assert.is(await run(modelFolder("some/model", get)), found);
      })
    ),
);

download("a model in pickles alone is refused before anything is downloaded", () =>
  inFolder((folder) => {
    const { "model.safetensors": _, ...rest } = files;
    return hub(rest, async (url, requests) => {
      const get = of({ HF_HOME: folder, HF_ENDPOINT: url });
      const error = await run(Effect.flip(withDownloads(modelFolder("some/model", get))));
      assert.match(error.message, /pytorch_model\.bin/);
      assert.not.ok([...requests.keys()].some((path) => path.includes("/resolve/")));
      assert.instance(await run(Effect.flip(modelFolder("some/model", get))), HubError);
    });
  }));

download(
  "a model that is not there, one with terms, and a hub out of reach",
  () =>
    inFolder((folder) =>
      hub(files, async (url) => {
        const failed = async (id: string, endpoint: string) =>
          (await run(
            Effect.flip(withDownloads(modelFolder(id, of({ HF_HOME: folder, HF_ENDPOINT: endpoint })))),
          ))
            .message;
        assert.match(await failed("some/typo", url), /check the id/);
        assert.match(await failed("gated/model", url), /HF_TOKEN/);
        assert.match(await failed("some/model", "http://127.0.0.1:1"), /network/);
      })
    ),
);

cache.run();
download.run();
