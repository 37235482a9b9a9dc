// The types of an actor's class as its callers see them. A caller writes `import type { Counter }` and
// `ProcessActor<typeof Counter>`; the class itself is only ever loaded in the actor's process.

/**
 * What may stand behind an actor: a class with `static start(...args)` that makes the instance, else one whose
 * constructor does. An optional `describe()` tells about the instance once it is made, an optional `stop()`
 * ends its work.
 */
export type ActorClass =
  | { readonly prototype: object; start(...args: never[]): Promise<object> | object }
  | (abstract new (
      ...args: never[]
    ) => object);

/** The arguments of creation: of `static start` when there is one, else of the constructor. */
export type ArgsOf<C> = C extends { start(...args: infer A): unknown }
  ? A
  : C extends abstract new (
        ...args: infer A
      ) => unknown
    ? A
    : never;

export type InstanceOf<C> = C extends { start(...args: never[]): infer R }
  ? Awaited<R>
  : C extends abstract new (
        ...args: never[]
      ) => infer R
    ? R
    : never;

/** What `describe()` of the instance returns; undefined without one. */
export type InfoOf<C> = InstanceOf<C> extends { describe(): infer R } ? Awaited<R> : undefined;

type MethodOf<C, M> = M extends keyof InstanceOf<C>
  ? InstanceOf<C>[M] extends (...args: infer A extends readonly unknown[]) => infer R
    ? { args: A; result: Awaited<R> }
    : never
  : never;

/** Items of a method that streams: one that returns an async iterable or a generator. */
type Streamed = AsyncIterable<unknown> | Generator<unknown, unknown, never>;

export type ResultOf<C, M> = MethodOf<C, M>["result"];
export type ItemOf<C, M> = StreamItem<ResultOf<C, M>>;
type StreamItem<R> =
  R extends AsyncIterable<infer I> ? I : R extends Generator<infer I, unknown, never> ? I : never;

/** `stop` is not called by name: it is part of `ProcessActor.stop`. */
type MethodName<C> = Exclude<
  {
    [K in keyof InstanceOf<C>]: InstanceOf<C>[K] extends (...args: never[]) => unknown ? K : never;
  }[keyof InstanceOf<C>] &
    string,
  "stop"
>;
// In brackets, since a method that never returns is no stream.
export type StreamName<C> = {
  [K in MethodName<C>]: [ResultOf<C, K>] extends [never]
    ? never
    : ResultOf<C, K> extends Streamed
      ? K
      : never;
}[MethodName<C>];
export type CallName<C> = Exclude<MethodName<C>, StreamName<C>>;

/** Arguments and options behind a method's name; the arguments may be left out when none are needed. */
export type Rest<C, M, Options> = [] extends MethodOf<C, M>["args"]
  ? [args?: MethodOf<C, M>["args"], options?: Options]
  : [args: MethodOf<C, M>["args"], options?: Options];
