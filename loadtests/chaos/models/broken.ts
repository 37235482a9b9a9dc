// A module that cannot be loaded.

console.log("broken: about to throw, as written");

throw new Error("broken as written");
