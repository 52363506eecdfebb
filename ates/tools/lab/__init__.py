"""The lab of a demo: faults made on purpose, with commands coming in meanwhile, and a check of what came of it."""
