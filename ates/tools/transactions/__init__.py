"""Transactions as Kafka has them: which are open or were aborted, and everything that belongs to one. Reads only.

A producer's epoch grows with each transaction (KIP-890), so producer id and epoch name one in every partition.
"""
