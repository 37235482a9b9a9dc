export { Scaling, type ScalingStatus } from "./scaling.ts";
