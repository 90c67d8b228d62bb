/** How pages of reports and of the board look: light or dark as the reader has it, and on paper. */

/** The style sheet. Figures are drawn on white with dark ink; in the dark the same marks take the page's colours. */
export const style = `
:root { color-scheme: light dark;
  --paper: light-dark(#fcfcfa, #15171a); --card: light-dark(#ffffff, #1c1f24); --ink: light-dark(#1f2328, #e3e6ea);
  --soft: light-dark(#5c6570, #9aa4b0); --line: light-dark(#dfe3e8, #31363d); --mark: light-dark(#0072b2, #56b4e9);
  --good: light-dark(#1d7a46, #4cc38a); --bad: light-dark(#b3261e, #ff8a80); --wash: light-dark(#f1f4f7, #23272d); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 Inter, system-ui, 'Helvetica Neue', Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 34px 0 8px; }
p { margin: 4px 0 12px; } a { color: var(--mark); }
.soft { color: var(--soft); } .small { font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); vertical-align: bottom; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td .range { color: var(--soft); font-size: 12px; white-space: nowrap; }
.figures { display: grid; grid-template-columns: 1fr 1fr; gap: 0 16px; } .figures > :is(h2, figure:nth-of-type(1)) { grid-column: 1 / -1; }
table.cards td .range { display: block; } .headline { font-size: 17px; margin: 8px 0; max-width: 62em; }
sup a { text-decoration: none; margin-left: 2px; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: 12.5px; }
code { overflow-wrap: anywhere; }
pre { background: var(--wash); padding: 12px 14px; border-radius: 8px; overflow-x: auto; margin: 6px 0 0; }
figure { margin: 0 0 22px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 8px; }
figure > svg, figure > .drawing > svg { display: block; width: 100%; height: auto; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 6px; margin: 0 auto; }
figcaption { color: var(--soft); font-size: 13px; padding: 4px 8px 2px; }
figure svg { fill: var(--ink); color: var(--ink); }
figure svg > rect[fill="white"] { fill: transparent; }
figure svg [fill="#222"] { fill: var(--ink); } figure svg [fill="#555"] { fill: var(--soft); }
figure svg [stroke="#bbb"], figure svg [stroke="#999"], figure svg [stroke="#888"] { stroke: var(--line); }
figure svg [stroke="#000000"] { stroke: var(--ink); } figure svg circle[fill="#000000"] { fill: var(--ink); }
figure svg circle[stroke="white"] { stroke: var(--card); }
summary { cursor: pointer; } details { margin: 6px 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 6px 0 14px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 760px) {
  .figures { display: block; }
  main { padding: 18px 12px 40px; } h1, h2, p, dd { overflow-wrap: anywhere; }
  table.cards thead { display: none; }
  table.cards tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 4px 10px;
    padding: 8px 0; border-bottom: 1px solid var(--line); }
  table.cards td { display: block; border: 0; padding: 0; text-align: left; overflow-wrap: anywhere; white-space: normal; }
  table.cards td:first-child { grid-column: 1 / -1; font-weight: 600; } table.cards td:empty { display: none; }
  table.cards td:not(:first-child)::before { content: attr(data-label); display: block; color: var(--soft); font-size: 11px; }
  figure { overflow-x: auto; padding: 2px; } figure > svg { min-width: 620px; } dl { grid-template-columns: 1fr; }
}
@media print {
  :root { color-scheme: light; }
  body { font-size: 11px; } main { max-width: none; padding: 0; }
  figure, tr, dl { break-inside: avoid; } h2 { break-after: avoid; } figure { border: 0; }
  .scroll { overflow: visible; }
}
`;
