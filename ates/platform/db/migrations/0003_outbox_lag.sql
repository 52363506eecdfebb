-- Since when an event waits to be published. What it tells may be long ago: demo accounts were made last month.
ALTER TABLE auth.outbox ADD COLUMN written_at timestamptz NOT NULL DEFAULT now();
