"""Projections: events become rows that the front ends read. One file for each read model, named in `ates.topology`.

Such a file holds its upsert, which takes a whole batch as one array per column, and `project(connection, messages)`,
which makes its rows from messages of one partition, in their order. Rows are merged by version, so records that are
replayed or redriven late change nothing. A projection decides nothing and never talks to Kafka.
"""
