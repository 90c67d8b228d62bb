/** Models named by hub id: found in the local cache of Hugging Face, put there by its own library when asked. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { type DiskError, onDisk } from "../../base/disk.ts";
import { TaggedFault } from "../../base/fault.ts";

/** A hub id that names nothing in the cache, or that could not be downloaded. */
export class HubError extends TaggedFault("HubError")<{
  /** The id. */
  readonly id: string;
}> {}

/** Folders of the models that were downloaded; undefined where none are. */
const Downloads = Context.Reference<Map<string, string> | undefined>("chain-of-sight/HubDownloads", {
  defaultValue: () => undefined,
});

/**
 * Runs a program in which models that are named by hub id are downloaded, as far as the cache lacks their files. A model is
 * asked for once, so that the program reads one revision of it.
 */
export const withDownloads = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(program, Downloads, new Map()));

/** Variables of the environment that say where the cache and the hub are. */
type Environment = (name: string) => string | undefined;

const environment: Environment = (name) => Deno.env.get(name);

/** The folder of cached models, by the variables and defaults of Hugging Face's own tools. */
export const hubCache = (get: Environment = environment): string => {
  const given = get("HF_HUB_CACHE") ?? get("HUGGINGFACE_HUB_CACHE");
  if (given !== undefined) return given;
  return `${homeOf(get)}/hub`;
};

const homeOf = (get: Environment): string =>
  get("HF_HOME") ?? `${get("XDG_CACHE_HOME") ?? `${get("HOME") ?? get("USERPROFILE")}/.cache`}/huggingface`;

const ID = /^(?![.-])[\w.-]+\/(?![.-])[\w.-]+$|^(?![.-])[\w.-]+$/;
const REVISION = /^[\w.-]+(\/[\w.-]+)*$/;

interface Repository {
  readonly id: string;
  readonly revision: string;
}

/** `name` or `owner/name`, with `@revision` behind it or not. */
const repositoryOf = (where: string): Repository | undefined => {
  const [id = "", revision = "main", ...rest] = where.split("@");
  const plain = ID.test(id) && REVISION.test(revision) && rest.length === 0 &&
    !`${id}/${revision}`.includes("..");
  return plain ? { id, revision } : undefined;
};

const repositoryFolder = (cache: string, { id }: Repository): string =>
  `${cache}/models--${id.replace("/", "--")}`;

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
};

// refs hold the commit of a branch or a tag; a commit names its snapshot itself
const snapshotOf = async (folder: string, revision: string): Promise<string | undefined> => {
  const commit = await Deno.readTextFile(`${folder}/refs/${revision}`).then(
    (text) => text.trim(),
    () => revision,
  );
  const snapshot = `${folder}/snapshots/${commit}`;
  return /^[\w.-]+$/.test(commit) && await isFolder(snapshot) ? snapshot : undefined;
};

const notCached = (where: string, cache: string): HubError =>
  new HubError({
    op: where,
    got: `no folder of that name, and no snapshot of it in ${cache}`,
    expected: "a folder with config.json and safetensors, or the id of a model in Hugging Face's cache",
    hint: "check the name, add --download to fetch it, or set HF_HOME to the cache that has it",
    id: where,
  });

/** Files of a model that are read here; weights of other formats and of other precisions are left on the hub. */
const WANTED =
  /^([\w-]*config|tokenizer|special_tokens_map|added_tokens|[\w-]+\.safetensors\.index)\.json$|^chat_template\.(jinja|json)$|^(adapter_)?model(-\d+-of-\d+)?\.safetensors$/;

const statusHints: Readonly<Record<number, string>> = {
  401: "accept the terms of the model on its page, and set HF_TOKEN",
  403: "accept the terms of the model on its page, and set HF_TOKEN",
  404: "check the id and the revision",
};

const statusOf = (cause: unknown): number | undefined =>
  (cause as { readonly statusCode?: number } | undefined)?.statusCode;

const notDownloaded = ({ id }: Repository) => (cause: unknown): HubError =>
  cause instanceof HubError ? cause : new HubError({
    op: `download ${id}`,
    got: cause instanceof Error ? cause.message : String(cause),
    expected: "the files of the model",
    hint: statusHints[statusOf(cause) ?? 0] ??
      "check the network and HF_ENDPOINT, and try again: files that are complete stay in the cache",
    id,
  });

const withoutWeights = ({ id }: Repository, files: readonly string[]): HubError =>
  new HubError({
    op: `download ${id}`,
    got: `a model whose weights are not safetensors (${
      files.filter((f) => /\.\w+$/.test(f)).slice(0, 6).join(", ")
    })`,
    expected: "model.safetensors, or shards with an index",
    hint: "choose a revision with safetensors: the hub converts models to a branch refs/pr/N on request",
    id,
  });

const tokenOf = (get: Environment): Promise<string | undefined> => {
  const given = get("HF_TOKEN");
  return given !== undefined
    ? Promise.resolve(given)
    : Deno.readTextFile(`${homeOf(get)}/token`).then((text) => text.trim() || undefined, () => undefined);
};

const download = async (repository: Repository, cache: string, get: Environment): Promise<string> => {
  // loaded here, as most commands download nothing
  const { downloadFileToCacheDir, listFiles, modelInfo } = await import("@huggingface/hub");
  const accessToken = await tokenOf(get), hubUrl = get("HF_ENDPOINT");
  const where = { ...(accessToken === undefined ? {} : { accessToken }), ...(hubUrl ? { hubUrl } : {}) };
  const { id, revision } = repository;
  const { sha } = await modelInfo({ name: id, revision, additionalFields: ["sha"], ...where });
  const repo = { type: "model", name: id } as const, files: string[] = [];
  for await (const { type, path } of listFiles({ repo, revision: sha, ...where })) {
    if (type === "file") files.push(path);
  }
  const wanted = files.filter((path) => WANTED.test(path));
  if (!wanted.some((path) => path.endsWith(".safetensors"))) throw withoutWeights(repository, files);
  for (const path of wanted) {
    await downloadFileToCacheDir({ repo, path, revision: sha, cacheDir: cache, ...where });
  }
  const folder = repositoryFolder(cache, repository);
  // last, so that a revision is found once all of its files are there
  if (revision !== sha) {
    const ref = `${folder}/refs/${revision}`;
    await Deno.mkdir(ref.slice(0, ref.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(ref, sha);
  }
  return `${folder}/snapshots/${sha}`;
};

// the library reports files through console.debug, which Deno prints among the output of a command
const reportingToStderr = <A>(use: () => Promise<A>): Promise<A> => {
  const { debug } = console;
  console.debug = console.error;
  return use().finally(() => {
    console.debug = debug;
  });
};

/**
 * The folder of a model that is named by folder, or by hub id with or without `@revision`. A folder wins over an id; an id
 * is found in the local cache, and within {@link withDownloads} first brought up to date there.
 */
export const modelFolder = (
  where: string,
  get: Environment = environment,
): Effect.Effect<string, HubError | DiskError> =>
  Effect.gen(function* () {
    if (yield* onDisk("open", where, () => isFolder(where))) return where;
    const repository = repositoryOf(where), cache = hubCache(get);
    if (repository === undefined) return yield* Effect.fail(notCached(where, cache));
    const downloads = yield* Downloads;
    if (downloads !== undefined) {
      const known = downloads.get(where);
      if (known !== undefined) return known;
      const made = yield* Effect.tryPromise({
        try: () => reportingToStderr(() => download(repository, cache, get)),
        catch: notDownloaded(repository),
      });
      downloads.set(where, made);
      return made;
    }
    const found = yield* onDisk(
      "open",
      cache,
      () => snapshotOf(repositoryFolder(cache, repository), repository.revision),
    );
    return found ?? (yield* Effect.fail(notCached(where, cache)));
  });
