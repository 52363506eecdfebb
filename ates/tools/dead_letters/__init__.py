"""Dead letters: reading them, and sending what they hold again. What `ates dlq` and the pages below `/topics/dlq/` do.

Nothing is ever deleted. A redrive writes, in one Kafka transaction, the original record to where it came from and a
note beside the letter that says so; the note is a record without value in the dead-letter topic (`letters.Note`).
"""
