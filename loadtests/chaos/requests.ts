// The requests that the scenarios send.

import type { RequestClass } from "../open-loop/index.ts";

/** A V2 inference of a deployment by its name. */
export function inference(url: string, model = "echo"): RequestClass {
  const inputs = [{ name: "x", datatype: "INT32", shape: [1, 4], data: [1, 2, 3, 4] }];
  return {
    name: `${model} infer`,
    url: `${url}/v2/models/${model}/infer`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ inputs }),
  };
}

/** A web request to an application by its route. */
export function webRequest(url: string, route = "echo"): RequestClass {
  return { name: `${route} web`, url: `${url}/${route}/` };
}

/** Both kinds of request that a module answers. */
export function bothKinds(url: string): readonly RequestClass[] {
  return [inference(url), webRequest(url)];
}
