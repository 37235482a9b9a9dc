// Tasks of environment.ts.

/** Runs in each worker before its first task. */
export function greet(): void {
  Reflect.set(globalThis, "greeting", "ready");
}

export async function distance(a: string, b: string): Promise<number> {
  // In the environment only: the compiler does not know it.
  const name: string = "leven";
  const { default: leven }: { default: (a: string, b: string) => number } = await import(name);
  return leven(a, b);
}

export function alphabet(): string {
  return `${process.env["ALPHABET"]}, ${Reflect.get(globalThis, "greeting") ?? "no hook"}`;
}
