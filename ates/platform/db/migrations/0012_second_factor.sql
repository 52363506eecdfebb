-- The second factor of an account (TOTP), its recovery codes, and the roles that must have one.
SET LOCAL ROLE ates_auth;

CREATE TABLE auth.second_factors (
    account_id uuid PRIMARY KEY REFERENCES auth.accounts,
    secret text NOT NULL,  -- base32; as good as the device that shows the codes
    begun_at timestamptz NOT NULL,
    confirmed_at timestamptz,  -- null until one code was right: it does not count before
    last_step bigint NOT NULL DEFAULT 0,  -- time step of the newest code used: it and earlier ones are refused
    recovery_salt bytea  -- of the hashes of its recovery codes
);
COMMENT ON TABLE auth.second_factors IS 'Secrets of one-time codes. Nobody but ates_auth may look.';

CREATE TABLE auth.recovery_codes (
    account_id uuid NOT NULL REFERENCES auth.second_factors ON DELETE CASCADE,
    hash bytea NOT NULL,  -- argon2id under the factor's salt; the row goes when the code is used
    PRIMARY KEY (account_id, hash)
);
COMMENT ON TABLE auth.recovery_codes IS 'Recovery codes that were not used yet, hashed.';

CREATE TABLE auth.second_factor_roles (role text PRIMARY KEY);
COMMENT ON TABLE auth.second_factor_roles IS 'Roles whose accounts must have a second factor.';

-- A requirement of a role concerns no single account.
ALTER TABLE auth.administration ALTER COLUMN account_id DROP NOT NULL;
