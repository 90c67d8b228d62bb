/** Parts of paths. */

/** The folder of a path. */
export const folderOf = (path: string): string => {
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
};
