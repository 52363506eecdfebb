"""Identity: who may log in, what their tokens say, and the outbox that tells the other services.

The only part of aTES whose truth is in Postgres; everything else can be rebuilt from the log.
"""
