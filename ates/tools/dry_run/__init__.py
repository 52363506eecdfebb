"""A record, or an edited copy of one, through today's handlers with the tables as they stand. Nothing is written: there
is no producer, no consumer group and no database. `ates topics try` and the pages "Try it" show the effects.
"""
