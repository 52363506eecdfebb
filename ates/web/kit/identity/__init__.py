"""Who asks: tokens, sessions, their revocation, and what only our own pages may send."""
