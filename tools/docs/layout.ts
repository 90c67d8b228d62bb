/** The frame of every page: navigation, light or dark, a column that fits a phone. No script. */
import { type Html, html, textOfHtml, trusted } from "../../pipelines/report/html.ts";
import { style } from "../../pipelines/report/style.ts";

/** A link of the navigation. */
export interface NavLink {
  /** Its text. */
  readonly title: string;
  /** The page, from the root of the site. */
  readonly place: string;
}

/** A heading of the navigation. */
export interface NavSection {
  /** Its text. */
  readonly title: string;
  /** The links below it. */
  readonly links: readonly NavLink[];
}

/** What a page may load: what belongs to the site. */
const POLICY = "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'";

/** The style sheet of the site. */
export const siteStyle: string = `${style}
.frame { display: grid; grid-template-columns: 250px minmax(0, 1fr); min-height: 100vh; }
.frame > nav { border-right: 1px solid var(--line); background: var(--card); padding: 24px 18px; }
.frame > nav > div { position: sticky; top: 24px; max-height: calc(100vh - 48px); overflow-y: auto; }
nav .name { font-weight: 650; font-size: 17px; color: var(--ink); text-decoration: none; }
nav h2 { font-size: 12px; letter-spacing: .04em; text-transform: uppercase; color: var(--soft); margin: 20px 0 4px; }
nav ul { list-style: none; margin: 0; padding: 0; } nav li a { display: block; padding: 3px 8px; margin-left: -8px;
  border-radius: 6px; color: var(--ink); text-decoration: none; font-size: 14px; }
nav li a:hover { background: var(--wash); } nav li a[aria-current] { background: var(--wash); color: var(--mark); font-weight: 600; }
nav summary { font-size: 14px; padding: 8px 0; }
.frame > main { max-width: 860px; margin: 0; padding: 32px 40px 80px; }
main h1 { font-size: 30px; letter-spacing: -.01em; margin-bottom: 12px; } main h2 { font-size: 20px; margin-top: 40px; }
main h3 { font-size: 16px; margin: 26px 0 6px; } main { font-size: 16px; line-height: 1.6; }
main td:first-child { white-space: normal; } main img { max-width: 100%; height: auto; background: #fff; border-radius: 8px; }
main :not(pre) > code { background: var(--wash); border-radius: 4px; padding: 1px 4px; }
main td code, main th code { overflow-wrap: normal; }
main pre { line-height: 1.5; margin-bottom: 16px; } main li { margin: 2px 0; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; background: var(--card); padding: 8px; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
@media (max-width: 820px) {
  .frame { display: block; } .frame > nav { border: 0; border-bottom: 1px solid var(--line); padding: 12px 18px; }
  .frame > nav > div { position: static; max-height: none; }
  nav .name { float: left; padding: 4px 0; } nav details { display: flow-root; } nav summary { text-align: right; }
  .frame > main { padding: 22px 18px 60px; }
}
@media (min-width: 821px) { @supports selector(::details-content) {
  nav details::details-content { display: block; content-visibility: visible; } nav summary { display: none; } } }
@media print { .frame { display: block; } .frame > nav { display: none; } }
`;

/** The way from a page to another place of the site. */
export const between = (from: string, to: string): string => "../".repeat(from.split("/").length - 1) + to;

/** A page of the site. */
export const sitePage = (place: string, title: string, nav: readonly NavSection[], content: Html): string =>
  textOfHtml(html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="${POLICY}">
        <title>${title === "Overview" ? "chain-of-sight" : `${title} · chain-of-sight`}</title>
        <link rel="stylesheet" href="${between(place, "site.css")}">
      </head>
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <div class="frame">
          <nav aria-label="Documentation">
            <div>
              <a class="name" href="${between(place, "index.html")}">chain-of-sight</a>
              <details>
                <summary>Contents</summary>
                ${nav.map((section) =>
                  html`
                    <h2>${section.title}</h2>
                    <ul>${section.links.map((link) =>
                      html`<li><a href="${between(place, link.place)}"${
                        link.place === place ? trusted(' aria-current="page"') : ""
                      }>${link.title}</a></li>`
                    )}</ul>
                  `
                )}
              </details>
            </div>
          </nav>
          <main id="content">${content}</main>
        </div>
      </body>
    </html>
  `);
