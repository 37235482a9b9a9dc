// What a request to the text example asks for: read from a query, a JSON body or a streamed text body.
//
// 1. A streamed prompt is read chunk by chunk and only its last words are kept, so it may be of any length.

import { CONTEXT_WORDS, type Context, wordsOf } from "./trigrams.ts";

/** What to write: words after `context`, `maxWords` of them, drawn with `seed`. */
export interface Prompt {
  readonly context: Context;
  readonly maxWords: number;
  readonly seed: number;
}

/** A request that cannot be answered, with the HTTP status that says so. */
export class BadPrompt extends Error {
  override readonly name = "BadPrompt";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const MAX_WORDS = 2000;
const MAX_JSON_BYTES = 65_536;
const MAX_WORD_CHARACTERS = 1000;
const DEFAULTS = { prompt: "", max_words: 40, seed: 1 };

/** Reads the request's wish. Throws BadPrompt; rejects with the request's own error when its body breaks off. */
export async function readPrompt(request: Request): Promise<Prompt> {
  const query = fieldsOfQuery(new URL(request.url).searchParams);
  if (request.method === "GET") return checkFields(query);
  if (request.method !== "POST")
    throw new BadPrompt(405, `found method ${request.method}, wanted GET or POST`);
  const type = request.headers.get("content-type") ?? "";
  if (type.startsWith("text/plain"))
    return { ...checkFields(query), context: await readStreamedText(request) };
  return checkFields({ ...query, ...(await readJsonObject(request)) });
}

/** The last words of a prompt. */
export function contextOf(prompt: string): Context {
  return wordsOf(prompt).slice(-CONTEXT_WORDS);
}

function fieldsOfQuery(query: URLSearchParams): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, text] of query)
    fields[key] = key !== "prompt" && /^-?\d+$/.test(text) ? Number(text) : text;
  return fields;
}

function checkFields(fields: Record<string, unknown>): Prompt {
  for (const key of Object.keys(fields)) {
    if (!Object.hasOwn(DEFAULTS, key)) {
      throw new BadPrompt(400, `found "${key}", wanted prompt, max_words and seed`);
    }
  }
  const { prompt, max_words: maxWords, seed } = { ...DEFAULTS, ...fields };
  if (typeof prompt !== "string") throw new BadPrompt(400, "found a prompt that is no string");
  if (!Number.isInteger(maxWords) || maxWords < 1 || maxWords > MAX_WORDS) {
    throw new BadPrompt(
      400,
      `found max_words ${shown(fields["max_words"])}, wanted a whole number from 1 to ${MAX_WORDS}`,
    );
  }
  if (!Number.isInteger(seed))
    throw new BadPrompt(400, `found seed ${shown(fields["seed"])}, wanted a whole number`);
  return { context: contextOf(prompt), maxWords, seed };
}

function shown(found: unknown): string {
  return typeof found === "number" ? String(found) : JSON.stringify(found).slice(0, 40);
}

async function readJsonObject(request: Request): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_JSON_BYTES)
      throw new BadPrompt(413, `found a longer body, wanted at most ${MAX_JSON_BYTES} bytes`);
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new BadPrompt(400, 'found no JSON, wanted {"prompt": "…", "max_words": 40, "seed": 1}');
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new BadPrompt(400, "found other JSON, wanted an object");
  }
  return { ...body };
}

/** Invariant 1. A word may lie across chunks: the unfinished one is kept for the next. */
async function readStreamedText(request: Request): Promise<Context> {
  const decoder = new TextDecoder();
  let context: Context = [];
  let unfinished = "";
  for await (const chunk of request.body ?? []) {
    const text = unfinished + decoder.decode(chunk, { stream: true });
    const end = text.search(/\S*$/);
    unfinished = text.slice(end);
    if (unfinished.length > MAX_WORD_CHARACTERS) {
      throw new BadPrompt(400, `found a longer word, wanted at most ${MAX_WORD_CHARACTERS} characters`);
    }
    context = [...context, ...contextOf(text.slice(0, end))].slice(-CONTEXT_WORDS);
  }
  return [...context, ...contextOf(unfinished + decoder.decode())].slice(-CONTEXT_WORDS);
}
