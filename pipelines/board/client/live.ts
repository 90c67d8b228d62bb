/** What runs in the browser: parts of the page are replaced as the server sends them. */

interface Element {
  innerHTML: string;
  textContent: string | null;
  readonly dataset: Record<string, string>;
  readonly form?: { readonly requestSubmit: () => void } | null;
}

declare const document: {
  readonly getElementById: (id: string) => Element | null;
  readonly addEventListener: (type: "change", listen: (event: { readonly target: unknown }) => void) => void;
};

interface Part {
  readonly id: string;
  readonly html: string;
}

const say = (state: "live" | "still"): void => {
  const live = document.getElementById("live");
  if (live === null) return;
  live.dataset.state = state;
  live.textContent = state;
};

const source = new EventSource(`/events${location.search}`);
source.addEventListener("open", () => say("live"));
source.addEventListener("error", () => say("still"));
source.addEventListener("message", (event) => {
  const { id, html } = JSON.parse(event.data) as Part;
  const element = document.getElementById(id);
  if (element !== null) element.innerHTML = html;
});

// Ticking a run or choosing a metric shows it at once.
document.addEventListener("change", ({ target }) => (target as Element).form?.requestSubmit());
