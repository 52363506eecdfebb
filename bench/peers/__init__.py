"""The contenders. Each is a program that works until it is stopped: `python -m bench.peers.NAME` (Faust: `worker`),
and does as the `BENCH_*` variables of `bench/work.py` tell."""
