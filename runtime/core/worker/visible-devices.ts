// Which GPUs the code that runs here may use: told by the variable that CUDA reads, once in a process, when it is first used.
//
// 1. Numbers are places in what the process was given at its start, as CUDA itself counts.
// 2. Code without GPUs sees what it would see without the runtime.

const VARIABLE = "CUDA_VISIBLE_DEVICES";

const given = process.env[VARIABLE];
const devices = given?.split(",").map((device) => device.trim());
let isSet = false;

/** For a task, until the next one; for an actor, for its life. */
export function showDevices(gpuIds: readonly number[] | undefined): void {
  if (gpuIds !== undefined) {
    process.env[VARIABLE] = gpuIds.map((id) => devices?.[id] ?? id).join(","); // invariant 1
    isSet = true;
  } else if (isSet) {
    isSet = false;
    if (given === undefined) delete process.env[VARIABLE];
    else process.env[VARIABLE] = given; // invariant 2
  }
}
