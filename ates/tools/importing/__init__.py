"""A tracker's export becomes tasks: read row by row, asked for once each, however often it is imported."""
