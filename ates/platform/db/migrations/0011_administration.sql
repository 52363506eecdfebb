-- Who changed whose account: kept for ever, added to and never changed.
SET LOCAL ROLE ates_auth;

CREATE TABLE auth.administration (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id uuid NOT NULL REFERENCES auth.accounts,
    address text NOT NULL,  -- where the actor's request came from
    action text NOT NULL,  -- 'account_created' or 'account_changed'
    account_id uuid NOT NULL REFERENCES auth.accounts,
    changes jsonb NOT NULL  -- the fields that were set, with their new values; of a password only that it was
);
COMMENT ON TABLE auth.administration IS 'What administrators did to accounts.';
