// The version of Shoal; a test keeps it equal to package.json's.

export const SHOAL_VERSION = "0.1.0";
