"""Pages that show what happens while it happens: notifications of Postgres, server-sent events."""
