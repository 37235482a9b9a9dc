// A module deployment that streams: it continues a prompt in the manner of `corpus.txt`, a word at a time.
//
// `fetch` takes whole web requests. GET ?prompt=…, POST of {"prompt", "max_words", "seed"}, or POST of the
// prompt itself as text/plain, of any length; the answer is streamed as text/plain, or as server-sent events
// when the client accepts text/event-stream. `infer` is the same for V2 clients: BYTES "prompt" → BYTES "text".
//
// 1. A word is made when the client has room for it, and none once the client is gone.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ModelModule, ModuleContext, ModuleInputs, ModuleSignature } from "shoal/engines";
import { BadPrompt, contextOf, type Prompt, readPrompt } from "./prompt.ts";
import { CONTEXT_WORDS, seeded, Trigrams } from "./trigrams.ts";

const INFER_WORDS = 40;
const INFER_SEED = 1;
const MAX_PAUSE_MS = 1000;

/** How words are put on the wire. */
interface Format {
  readonly contentType: string;
  word(word: string, index: number): string;
  end(words: number): string;
}

const PLAIN: Format = {
  contentType: "text/plain; charset=utf-8",
  word: (word, index) => (index === 0 ? word : ` ${word}`),
  end: () => "\n",
};

const EVENTS: Format = {
  contentType: "text/event-stream; charset=utf-8",
  word: (word, index) => `data: ${JSON.stringify({ index, word })}\n\n`,
  end: (words) => `data: ${JSON.stringify({ done: true, words })}\n\n`,
};

export class Text implements ModelModule {
  static readonly signature: ModuleSignature = {
    inputs: [{ name: "prompt", datatype: "BYTES", shape: [-1] }],
    outputs: [{ name: "text", datatype: "BYTES", shape: [-1] }],
  };

  #model = new Trigrams();
  #pauseMs = 0;

  /** Learns the corpus; `user_config.pause_ms` is the pause before each streamed word, 0 by default. */
  async start(context: Pick<ModuleContext, "userConfig">): Promise<void> {
    this.#model = Trigrams.learn(await readFile(new URL("corpus.txt", import.meta.url), "utf8"));
    this.reconfigure(context.userConfig);
  }

  reconfigure(userConfig: unknown): void {
    const { pause_ms: pauseMs = 0 } = (userConfig ?? {}) as { pause_ms?: unknown };
    if (typeof pauseMs !== "number" || !(pauseMs >= 0 && pauseMs <= MAX_PAUSE_MS)) {
      throw new Error(
        `found pause_ms ${JSON.stringify(pauseMs)}, wanted milliseconds from 0 to ${MAX_PAUSE_MS}`,
      );
    }
    this.#pauseMs = pauseMs;
  }

  async fetch(request: Request): Promise<Response> {
    try {
      const prompt = await readPrompt(request);
      const format = request.headers.get("accept")?.includes("text/event-stream") ? EVENTS : PLAIN;
      return new Response(this.#stream(prompt, format, request.signal), {
        headers: { "content-type": format.contentType, "cache-control": "no-cache" },
      });
    } catch (error) {
      if (!(error instanceof BadPrompt)) throw error;
      const headers = error.status === 405 ? { allow: "GET, POST" } : {};
      return Response.json({ error: error.message }, { status: error.status, headers });
    }
  }

  infer({ prompt }: ModuleInputs): { text: string[] } {
    // The signature lets nothing else through.
    const prompts = prompt?.datatype === "BYTES" ? prompt.data : [];
    const text = prompts.map((words) => {
      const wish = { context: contextOf(words), maxWords: INFER_WORDS, seed: INFER_SEED };
      return [...this.#words(wish)].join(" ");
    });
    return { text };
  }

  *#words({ context, maxWords, seed }: Prompt): Generator<string> {
    const draw = seeded(seed);
    let last = context;
    for (let count = 0; count < maxWords; count++) {
      const word = this.#model.next(last, draw);
      yield word;
      last = [...last, word].slice(-CONTEXT_WORDS);
    }
  }

  /** Invariant 1: `pull` runs only when the reader wants more, and looks at the signal first. */
  #stream(prompt: Prompt, format: Format, signal: AbortSignal): ReadableStream<Uint8Array> {
    const words = this.#words(prompt);
    const encoder = new TextEncoder();
    let index = 0;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (this.#pauseMs > 0) await sleep(this.#pauseMs, undefined, { signal });
        signal.throwIfAborted();
        const { value: word, done } = words.next();
        if (done === true) {
          controller.enqueue(encoder.encode(format.end(index)));
          controller.close();
          return;
        }
        controller.enqueue(encoder.encode(format.word(word, index++)));
      },
      cancel: () => void words.return(undefined),
    });
  }
}
