"""Apache's own verifier of exactly-once against our runtime, on three brokers: `python -m tests.verifier --kills N`.

The verifier produces random numbers until it is told to stop, and then checks every output record against them. It
comes out of the jar unchanged; in the place of Kafka Streams stands a Faust app of ours, whose workers are killed,
paused, added and removed meanwhile.
"""
