/** The pages of the documentation: the Markdown file of each, its title and where the navigation lists it. */

/** A page that is written in Markdown. */
export interface Page {
  /** The file, from the root of the repository. */
  readonly source: string;
  /** Its name in the navigation. */
  readonly title: string;
}

/** A heading of the navigation and its pages. */
export interface Section {
  /** The heading. */
  readonly title: string;
  /** The pages, in order. */
  readonly pages: readonly Page[];
}

const page = (source: string, title: string): Page => ({ source, title });

/** The pages of records, from the root of the repository: those of `deno task cos results`. */
const recordPages: readonly Page[] = [...Deno.readDirSync(new URL("../../results", import.meta.url))]
  .flatMap(({ name, isDirectory }) => isDirectory && name !== "artefacts" ? [name] : [])
  .toSorted()
  .map((name) => page(`results/${name}/README.md`, name));

/** The navigation without notebooks and API, which are not written in Markdown. */
export const sections: readonly Section[] = [
  {
    title: "Start",
    pages: [
      page("README.md", "Overview"),
      page("docs/quickstart.md", "Quickstart"),
      page("docs/ask.md", "Ask a model"),
      page("docs/browser.md", "In a browser"),
    ],
  },
  {
    title: "Guides",
    pages: [
      page("docs/runs.md", "Runs, board, reports"),
      page("docs/clusters.md", "Several processes and clusters"),
      page("docs/ablations.md", "Ablations and notebooks"),
      page("docs/configurations.md", "Configurations and plans"),
      page("docs/data.md", "Your own data"),
      page("docs/pretrained.md", "Pretrained models"),
      page("docs/models.md", "Write a model"),
      page("docs/devices.md", "Devices and permissions"),
      page("docs/reproducibility.md", "Reproducibility"),
    ],
  },
  {
    title: "Results",
    pages: [
      page("RESULTS.md", "Verdicts"),
      page("results/claims.md", "Claims of the paper"),
      ...recordPages,
      page("BENCHMARKS.md", "Benchmarks"),
    ],
  },
  {
    title: "Reference",
    pages: [
      page("pipelines/mixtures/README.md", "run.json and mixtures"),
      page("pipelines/eval/README.md", "Benchmarks and scorers"),
      page("pipelines/scenes/README.md", "Scenes"),
      page("pipelines/ask/shipped/README.md", "The shipped model"),
      page("core/ops/rules.md", "Numerics"),
      page("ARCHITECTURE.md", "Architecture"),
      page("CONTRIBUTING.md", "Contributing"),
      page("CHANGELOG.md", "Changelog"),
    ],
  },
];

/** Every page that is written in Markdown. */
export const pages: readonly Page[] = sections.flatMap((section) => section.pages);

/** The place of a Markdown file in the site: README.md of the root is the start page. */
export const placeOf = (source: string): string =>
  source === "README.md" ? "index.html" : source.replace(/\.md$/, ".html");
