-- Accounts, sessions and the outbox of web.auth. Everything belongs to ates_auth; nobody else may look.
CREATE SCHEMA auth AUTHORIZATION ates_auth;
SET LOCAL ROLE ates_auth;

CREATE TABLE auth.accounts (
    id uuid PRIMARY KEY,
    login text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    valid_after timestamptz,  -- tokens issued before this are refused; null when none was ever revoked
    password_hash text NOT NULL,  -- argon2id, in its own encoded form with parameters and salt
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX accounts_login ON auth.accounts (lower(login));
COMMENT ON TABLE auth.accounts IS 'Who may log in. The one place that knows passwords (their hashes).';

CREATE TABLE auth.sessions (
    id uuid PRIMARY KEY,  -- the sid of its tokens, and the family of its refresh tokens
    account_id uuid NOT NULL REFERENCES auth.accounts,
    user_agent text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_account ON auth.sessions (account_id) WHERE revoked_at IS NULL;
COMMENT ON TABLE auth.sessions IS 'One row per login. Revoked ones stay, so that a replayed token is recognised.';

CREATE TABLE auth.refresh_tokens (
    hash bytea PRIMARY KEY,  -- SHA-256 of the token: 256 random bits need no slow hash
    session_id uuid NOT NULL REFERENCES auth.sessions ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    rotated_at timestamptz  -- when it was used; using it again revokes the session
);
CREATE INDEX refresh_tokens_session ON auth.refresh_tokens (session_id);

CREATE TABLE auth.attempts (
    subject text PRIMARY KEY,  -- 'pair:<login> <address>', 'login:<login>' or 'address:<address>'
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz
);
COMMENT ON TABLE auth.attempts IS 'Failed logins of late, counted to lock out guessing for a while.';

CREATE TABLE auth.requests (
    id uuid PRIMARY KEY,  -- uuid5 of sender, method, path and Idempotency-Key
    request_hash text NOT NULL,  -- keyed, because the body holds a password
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE auth.requests IS 'What was answered to requests with an Idempotency-Key.';

-- The columns that Debezium's Outbox Event Router reads by their default names (id, aggregatetype, aggregateid,
-- type, payload), and what the relay needs.
CREATE TABLE auth.outbox (
    id uuid PRIMARY KEY,  -- the event's id on the topic (ce_id)
    sequence bigint GENERATED ALWAYS AS IDENTITY,  -- per account in version order: its row is locked meanwhile
    aggregatetype text NOT NULL,  -- 'accounts' or 'sessions': the topic is auth.<aggregatetype>
    aggregateid text NOT NULL,  -- the record's key
    type text NOT NULL,  -- the record's name
    payload jsonb NOT NULL,  -- the record's fields, times in RFC 3339
    "timestamp" timestamptz NOT NULL,  -- when it happened (ce_time)
    traceparent text,
    published_at timestamptz  -- when the topic had it, acknowledged
);
CREATE INDEX outbox_unpublished ON auth.outbox (sequence) WHERE published_at IS NULL;
COMMENT ON TABLE auth.outbox IS 'Events to be published, written in the transaction of the change they tell.';

CREATE FUNCTION auth.outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ates_outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wake AFTER INSERT ON auth.outbox FOR EACH STATEMENT EXECUTE FUNCTION auth.outbox_wake();
