// The types of an actor's class as its callers see them; the class itself is only ever loaded in the actor's process.

/**
 * What may stand behind an actor: a class with `static start(...args)` that makes the instance, else one whose
 * constructor does. An optional `stop()` is called when the actor is stopped.
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
