"""Private parts of Faust, of aiokafka and of librdkafka's client: no other module of `ates.streams` touches them.

runtime, transport, assignment, table_manager: Faust's process, consumer and rebalances
transactions: the producer's protocol, on aiokafka's connections
lenient: header names that both clients fail at
current_event: Faust's `current_event()`

tests/unit/streams/test_streams_privates.py names what a new version of them changed.
"""
