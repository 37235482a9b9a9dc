// Who wrote a line: the prefix `(square pid=123)` before it, and the marker by which a worker says in its own output
// what it runs from there on. Pure.
//
// 1. A marker travels in the stream it is about, so a line is never taken for that of the task after it.

/** Not a character that programs print. */
const MARK = "\u001eshoal:running:";
const MAX_NAME_CHARS = 200;
const COLOURS = [36, 35, 33, 32, 34, 96, 95, 93, 92, 94];
const RESET = "\x1b[0m";

export interface Writer {
  readonly pid: number;
  /** The task's or the actor's name. */
  readonly name: string | undefined;
  /** Set for a worker of another machine. */
  readonly host: string | undefined;
}

/** What a worker writes to both of its streams when it begins to run something with another name than before. */
export function nameMarker(name: string): string {
  // oxlint-disable-next-line no-control-regex -- a line end would end the marker
  return `${MARK}${name.slice(0, MAX_NAME_CHARS).replaceAll(/[\u0000-\u001f]/g, " ")}\n`;
}

/** Cuts a line at a marker: `text` was written before it, `name` holds after it. Undefined when there is none. */
export function splitAtMarker(line: string): { readonly text: string; readonly name: string } | undefined {
  const at = line.indexOf(MARK);
  return at === -1 ? undefined : { text: line.slice(0, at), name: line.slice(at + MARK.length) };
}

/** `(square pid=123)`, in a colour that stays the same for a process. */
export function prefixOf({ pid, name, host }: Writer, coloured: boolean): string {
  const words = [
    ...(name === undefined ? [] : [name]),
    `pid=${pid}${host === undefined ? "" : `, host=${host}`}`,
  ];
  const prefix = `(${words.join(" ")})`;
  return coloured ? `\x1b[${COLOURS[pid % COLOURS.length] ?? 36}m${prefix}${RESET}` : prefix;
}

/** A line as a terminal would show it at last; colours it left on are switched off. */
export function visibleText(text: string): string {
  // What comes before a carriage return was overwritten, mostly by a progress bar.
  const end = text.endsWith("\r") ? text.length - 1 : text.length;
  const shown = text.slice(text.lastIndexOf("\r", end - 1) + 1, end);
  return shown.includes("\x1b") ? shown + RESET : shown;
}
