/** Where a training in a page keeps its checkpoints. */

/** Named files. */
export interface CheckpointStorage {
  /** The bytes of a file, or nothing where there is none. */
  readonly load: (name: string) => Promise<Uint8Array | undefined>;
  /** Writes a file whole. */
  readonly save: (name: string, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Removes a file that may be there. */
  readonly remove: (name: string) => Promise<void>;
}

/** Files that last as long as the program. */
export const memoryStorage = (): CheckpointStorage => {
  const files = new Map<string, Uint8Array>();
  return {
    load: (name) => Promise.resolve(files.get(name)),
    save: (name, bytes) => Promise.resolve(void files.set(name, bytes.slice())),
    remove: (name) => Promise.resolve(void files.delete(name)),
  };
};

interface FileHandle {
  readonly getFile: () => Promise<Blob>;
  readonly createWritable: () => Promise<{
    readonly write: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
    readonly close: () => Promise<void>;
  }>;
}

interface Folder {
  readonly getFileHandle: (name: string, options?: { readonly create: boolean }) => Promise<FileHandle>;
  readonly removeEntry: (name: string) => Promise<void>;
}

/** Files of the origin's private file system; a write replaces a file when it is whole. */
export const originStorage = (): CheckpointStorage => {
  const { storage } = navigator as unknown as {
    readonly storage: { readonly getDirectory: () => Promise<Folder> };
  };
  return {
    load: async (name) => {
      const handle = await (await storage.getDirectory()).getFileHandle(name).catch(() => undefined);
      return handle && new Uint8Array(await (await handle.getFile()).arrayBuffer());
    },
    save: async (name, bytes) => {
      const handle = await (await storage.getDirectory()).getFileHandle(name, { create: true });
      const file = await handle.createWritable();
      await file.write(bytes);
      await file.close();
    },
    remove: async (name) => {
      await (await storage.getDirectory()).removeEntry(name).catch(() => {});
    },
  };
};
