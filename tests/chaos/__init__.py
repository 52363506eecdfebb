"""A company under load whose workers are killed and paused: `python -m tests.chaos --minutes N`."""
