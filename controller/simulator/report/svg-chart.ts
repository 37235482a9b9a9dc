// Charts as SVG: one or more panels under each other, with axes, grid, legend and units. Made to be looked at, in a browser or
// on a page; no scripts, no fonts of its own.

import { type Axis, type Scale, scaleOf } from "./scale.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** `step` holds its value until the next point. */
  readonly kind: "line" | "step" | "area" | "dots";
  /** Drawn thin and grey, for what the others are measured against. Default false. */
  readonly muted?: boolean;
  /** Written beside each dot. */
  readonly labels?: readonly string[];
}

export interface Panel {
  readonly title?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

export interface Chart {
  readonly title: string;
  /** A line under the title: what was run. */
  readonly subtitle?: string;
  readonly panels: readonly Panel[];
}

const WIDTH = 900;
const PANEL_HEIGHT = 300;
const HEAD = 62;
const MARGIN = { left: 74, right: 190, top: 30, bottom: 52 };
/** Okabe and Ito's colours, which the colour-blind can tell apart. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b5a2b", "#444444"];
const MUTED = "#9a9a9a";

/** The whole file. */
export function renderChart({ title, subtitle = "", panels }: Chart): string {
  const height = HEAD + panels.length * PANEL_HEIGHT;
  const body = panels.map((panel, index) => renderPanel(panel, HEAD + index * PANEL_HEIGHT));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="24" y="28" font-size="17" font-weight="600">${escaped(title)}</text>`,
    `<text x="24" y="48" fill="#666">${escaped(subtitle)}</text>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function renderPanel(panel: Panel, offset: number): string {
  const frame: Frame = {
    left: MARGIN.left,
    right: WIDTH - MARGIN.right,
    top: offset + MARGIN.top,
    bottom: offset + PANEL_HEIGHT - MARGIN.bottom,
  };
  const x = scaleOf(panel.x, extent(panel.series, 0), [frame.left, frame.right]);
  const y = scaleOf(panel.y, extent(panel.series, 1), [frame.bottom, frame.top]);
  const colours = coloursOf(panel.series);
  const clip = `panel-${offset}`;
  const { left, right, top, bottom } = frame;
  return [
    `<clipPath id="${clip}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>`,
    panel.title === undefined
      ? ""
      : `<text x="${left}" y="${top - 10}" font-weight="600">${escaped(panel.title)}</text>`,
    axes(panel, frame, { x, y }),
    `<g clip-path="url(#${clip})">`,
    ...panel.series.map((series, index) => draw(series, { x, y }, colours[index] ?? MUTED)),
    "</g>",
    ...panel.series.map((series) => dotLabels(series, { x, y })),
    legend(panel.series, frame, colours),
  ].join("\n");
}

interface Scales {
  readonly x: Scale;
  readonly y: Scale;
}

function axes(panel: Panel, { left, right, top, bottom }: Frame, { x, y }: Scales): string {
  const across = y.ticks.map(({ value, text }) => {
    const at = round(y.place(value));
    return `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#e6e6e6"/><text x="${left - 8}" y="${at + 4}" text-anchor="end">${escaped(text)}</text>`;
  });
  const along = x.ticks.map(({ value, text }) => {
    const at = round(x.place(value));
    return `<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" stroke="#444"/><text x="${at}" y="${bottom + 19}" text-anchor="middle">${escaped(text)}</text>`;
  });
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  return [
    ...across,
    ...along,
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#444"/>`,
    `<text x="${middleX}" y="${bottom + 40}" text-anchor="middle" fill="#444">${escaped(panel.x.label)}</text>`,
    `<text transform="translate(18 ${middleY}) rotate(-90)" text-anchor="middle" fill="#444">${escaped(panel.y.label)}</text>`,
  ].join("\n");
}

function draw(series: Series, { x, y }: Scales, colour: string): string {
  const places = series.points.map(([atX, atY]) => [round(x.place(atX)), round(y.place(atY))] as const);
  const [first] = places;
  if (first === undefined) return "";
  const width = series.muted ? 1.2 : 1.8;
  switch (series.kind) {
    case "dots":
      return places
        .map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="4.5" fill="${colour}" fill-opacity="0.85"/>`)
        .join("");
    case "step": {
      const path = places.slice(1).map(([px, py]) => `H${px}V${py}`);
      return `<path d="M${first[0]} ${first[1]}${path.join("")}" fill="none" stroke="${colour}" stroke-width="${width}"/>`;
    }
    case "line":
    case "area": {
      const line = places.map(([px, py]) => `${px} ${py}`).join("L");
      if (series.kind === "line") {
        return `<path d="M${line}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`;
      }
      const floor = round(y.place(y.ticks[0]?.value ?? 0));
      return `<path d="M${first[0]} ${floor}L${line}L${places.at(-1)?.[0]} ${floor}Z" fill="${colour}" fill-opacity="0.25"/>`;
    }
  }
}

function dotLabels({ points, labels = [] }: Series, { x, y }: Scales): string {
  return points
    .map(([atX, atY], index) => {
      const text = labels[index];
      if (text === undefined) return "";
      return `<text x="${round(x.place(atX)) + 7}" y="${round(y.place(atY)) + 4}" font-size="10" fill="#555">${escaped(text)}</text>`;
    })
    .join("");
}

function legend(all: readonly Series[], { right, top }: Frame, colours: readonly string[]): string {
  return all
    .map(({ name, kind }, index) => {
      const at = top + 8 + index * 19;
      const colour = colours[index] ?? MUTED;
      const mark =
        kind === "dots"
          ? `<circle cx="${right + 24}" cy="${at}" r="4.5" fill="${colour}"/>`
          : `<line x1="${right + 14}" x2="${right + 34}" y1="${at}" y2="${at}" stroke="${colour}" stroke-width="${kind === "area" ? 9 : 3}" stroke-opacity="${kind === "area" ? 0.35 : 1}"/>`;
      return `${mark}<text x="${right + 41}" y="${at + 4}">${escaped(name)}</text>`;
    })
    .join("\n");
}

function coloursOf(all: readonly Series[]): string[] {
  let used = 0;
  return all.map(({ muted }) => (muted ? MUTED : (COLOURS[used++ % COLOURS.length] ?? MUTED)));
}

function extent(all: readonly Series[], axis: 0 | 1): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { points } of all) {
    for (const point of points) {
      low = Math.min(low, point[axis]);
      high = Math.max(high, point[axis]);
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
