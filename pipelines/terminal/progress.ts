/** The progress line of a stage: redrawn in place on a terminal, a plain line now and then elsewhere. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { news } from "./output.ts";
import { displayWidth } from "./table.ts";
import { oneLine } from "./visible.ts";

/** How far a stage is. */
export interface Progress {
  /** Name of the stage. */
  readonly stage: string;
  /** Steps done. */
  readonly step: number;
  /** Steps in all. */
  readonly total: number;
  /** Smoothed loss, if any was measured. */
  readonly loss: number | undefined;
  /** Things done since the stage began here, such as tokens. */
  readonly done: number;
  /** What the things are, as the rate names them: `tokens`, `scenes`. */
  readonly unit: string;
  /** Seconds since the stage began here. */
  readonly elapsed: number;
  /** Step at which it began here: 0, or the checkpoint's on resume. */
  readonly from: number;
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar `width` places wide, filled to a fraction between 0 and 1, in eighths of a place. */
export const bar = (fraction: number, width: number): string => {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction || 0)) * width * 8);
  const full = "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
  return full + "░".repeat(width - [...full].length);
};

/** A length of time in the largest two units: `7 s`, `3 min 07 s`, `2 h 05 min`, `3 d 04 h`. */
export const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole % 3600 / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${two(Math.floor(whole % 86400 / 3600))} h`;
};

/** A number in at most four places and a prefix: `0.12`, `812`, `12.3k`, `4.56M`. */
export const short = (n: number): string => {
  if (!Number.isFinite(n)) return "?";
  const [scale, prefix] = n >= 999.5e6
    ? [1e9, "G"]
    : n >= 999.5e3
    ? [1e6, "M"]
    : n >= 9999.5
    ? [1e3, "k"]
    : [1, ""];
  const value = n / scale;
  const digits = value >= 99.95 || (scale === 1 && Number.isInteger(n)) ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${prefix}`;
};

/** Things done a second; not finite before any time has passed. */
export const rateOf = (p: Pick<Progress, "done" | "elapsed">): number =>
  p.elapsed > 0 ? p.done / p.elapsed : NaN;

/** Seconds that the rest will take at the speed so far; not finite before the first step. */
export const remaining = (p: Omit<Progress, "stage">): number =>
  p.step > p.from ? p.elapsed / (p.step - p.from) * (p.total - p.step) : NaN;

const cut = (text: string, width: number): string => {
  let out = "";
  for (const char of text) {
    if (displayWidth(out + char) > width) break;
    out += char;
  }
  return out;
};

const facts = (p: Omit<Progress, "stage">): string =>
  [
    `${p.step}/${p.total}`,
    ...(p.loss === undefined ? [] : [`loss ${Number.isFinite(p.loss) ? p.loss.toPrecision(4) : p.loss}`]),
    `${short(rateOf(p))} ${p.unit}/s`,
    duration(p.elapsed),
    p.step >= p.total ? "done" : `ETA ${duration(remaining(p))}`,
  ].join(" · ");

/** The progress line, at most `width` places wide; the bar takes what is left, and goes where nothing is. */
export const progressLine = ({ stage, ...p }: Progress, width: number): string => {
  const name = oneLine(stage);
  const fraction = p.total > 0 ? p.step / p.total : 1;
  const percent = `${String(Math.floor(fraction * 100)).padStart(3)} %`;
  const rest = `${percent}  ${facts(p)}`;
  const left = width - displayWidth(`${name}  ${rest}`);
  const drawn = left >= 6 ? `${bar(fraction, Math.min(30, left))} ` : "";
  return cut(`${name} ${drawn}${rest}`, width);
};

/** Whether the step from `before` to `after` crossed a tenth of the whole, or ended it. */
export const crossedTenth = (before: number, after: number, total: number): boolean =>
  after > before && (after >= total || Math.floor(before / total * 10) < Math.floor(after / total * 10));

/** Where progress is written. */
export interface ProgressSink {
  /** Whether lines can be redrawn in place. */
  readonly isTerminal: () => boolean;
  /** Width of a line, places. */
  readonly width: () => number;
  /** Writes text. */
  readonly write: (text: string) => void;
  /** Seconds on a clock that only goes forward. */
  readonly now: () => number;
}

/** Standard error of this process, so that standard output stays free for results. */
export const stderrSink: ProgressSink = {
  isTerminal: () => Deno.stderr.isTerminal(),
  width: () => {
    try {
      return Deno.consoleSize().columns;
    } catch {
      return 100; // no terminal
    }
  },
  write: news.raw,
  now: () => performance.now() / 1000,
};

/** What a progress line begins with. */
export interface ProgressStart {
  /** Name of the stage. */
  readonly stage: string;
  /** Steps in all. */
  readonly total: number;
  /** Step at which it begins: 0 unless resumed. */
  readonly from?: number;
  /** What is counted alongside the steps. */
  readonly unit: string;
  /** Weight of the past in the shown loss; 0.9 unless said. */
  readonly smoothing?: number;
}

/** A progress line that is being shown. */
export interface ProgressReport {
  /** What it began with. */
  readonly start: ProgressStart;
  /** Where it is written. */
  readonly sink: ProgressSink;
  /** When it began, on the sink's clock. */
  readonly began: number;
  /** What was last reported. */
  last: Progress;
  /** When it was last drawn, on the sink's clock. */
  drawn: number;
  /** Whether an unfinished line is on the terminal. */
  open: boolean;
  /** Sum and weight of the losses for the moving average. */
  average: { readonly sum: number; readonly mass: number };
}

/** News of a stage. */
export interface ProgressNews {
  /** Steps done, those before a resume included. */
  readonly step: number;
  /** Loss measured there; one that is not finite is shown as it is and leaves the average. */
  readonly loss?: number;
  /** Things done since the last news. */
  readonly done: number;
}

/** Minimum number of seconds between two drawings on a terminal. */
const BETWEEN = 0.1;

const draw = (report: ProgressReport, now: number): void => {
  const { sink } = report;
  sink.write(`\r\u001b[2K${progressLine(report.last, Math.max(20, sink.width() - 1))}`);
  report.drawn = now;
  report.open = true;
};

/** Shows a progress line until the scope ends; it then is finished, with a line break. */
export const startProgress = (
  start: ProgressStart,
  sink: ProgressSink = stderrSink,
): Effect.Effect<ProgressReport, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync((): ProgressReport => {
      const { stage, total, unit, from = 0 } = start;
      const began = sink.now();
      const last: Progress = { stage, step: from, total, loss: undefined, done: 0, unit, elapsed: 0, from };
      return { start, sink, began, last, drawn: -Infinity, open: false, average: { sum: 0, mass: 0 } };
    }),
    (report) =>
      Effect.sync(() => {
        if (!report.open) return;
        draw(report, report.sink.now());
        report.sink.write("\n");
      }),
  );

const averaged = (report: ProgressReport, loss: number | undefined): number | undefined => {
  if (loss === undefined) return report.last.loss;
  if (!Number.isFinite(loss)) return loss;
  const weight = report.start.smoothing ?? 0.9;
  const { sum, mass } = report.average;
  report.average = { sum: weight * sum + loss, mass: weight * mass + 1 };
  return report.average.sum / report.average.mass;
};

/** Reports news: redraws the line on a terminal, prints one each tenth elsewhere. */
export const reportProgress = (report: ProgressReport, news: ProgressNews): Effect.Effect<void> =>
  Effect.sync(() => {
    const { sink, last } = report;
    const now = sink.now();
    report.last = {
      ...last,
      step: news.step,
      loss: averaged(report, news.loss),
      done: last.done + news.done,
      elapsed: now - report.began,
    };
    if (sink.isTerminal()) {
      if (now - report.drawn >= BETWEEN || news.step >= last.total) draw(report, now);
    } else if (crossedTenth(last.step, news.step, last.total)) {
      sink.write(`${progressLine(report.last, 200)}\n`);
    }
  });
