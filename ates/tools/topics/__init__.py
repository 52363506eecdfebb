"""Looking into topics: what there is, what is in it, decoded. What `ates topics` and the pages below `/topics/` show.

Only ever looks: no consumer group is joined and no offset committed, so looking leaves no trace in Kafka. Reads what
transactions committed, unless said otherwise. Knows nothing of what the records mean.
"""
