"""Commands: taken from a request, sent to their topic, and their outcomes awaited."""
