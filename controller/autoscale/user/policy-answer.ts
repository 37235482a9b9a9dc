// What a user's policy answered, judged: a whole number of replicas and perhaps a state, or what is wrong with it.

/** Largest state a policy may keep with us, as JSON. */
const MAX_STATE_LENGTH = 65_536;
const LONGEST_QUOTE = 60;

export type PolicyAnswer =
  | { readonly kind: "replicas"; readonly replicas: number; readonly state: unknown }
  | { readonly kind: "unusable"; readonly why: string };

/** `5` or, as in Ray, `[5, state]`. */
export function judgeAnswer(answer: unknown): PolicyAnswer {
  const [replicas, state]: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    return unusable(`answered ${quote(replicas)}, a whole number of replicas was wanted`);
  }
  const size = sizeOf(state);
  if (size > MAX_STATE_LENGTH) {
    return unusable(`answered a state of ${size} characters of JSON, ${MAX_STATE_LENGTH} are allowed`);
  }
  return { kind: "replicas", replicas, state: state ?? null };
}

function unusable(why: string): PolicyAnswer {
  return { kind: "unusable", why };
}

/** Infinity for what is no JSON. */
function sizeOf(state: unknown): number {
  if (state === undefined) return 0;
  try {
    return JSON.stringify(state)?.length ?? Infinity;
  } catch {
    return Infinity;
  }
}

function quote(value: unknown): string {
  const text =
    typeof value === "object" && value !== null
      ? Array.isArray(value)
        ? "a list"
        : "an object"
      : String(value);
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}
