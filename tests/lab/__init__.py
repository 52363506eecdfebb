"""The lab of a demo, again and again."""
