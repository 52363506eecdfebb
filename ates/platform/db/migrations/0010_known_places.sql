-- Where a login has succeeded: such a place does not wait for what somebody else did to the login.
SET LOCAL ROLE ates_auth;

CREATE TABLE auth.known_places (
    subject text PRIMARY KEY,  -- 'pair:<login> <address>' or 'device:<login> <SHA-256 of the browser's secret>'
    last_at timestamptz NOT NULL
);
COMMENT ON TABLE auth.known_places IS 'From which addresses and browsers a login succeeded in the last ninety days.';
