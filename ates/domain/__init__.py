"""The business: pure functions and messages. The standard library only: no I/O, no clock, no randomness."""
