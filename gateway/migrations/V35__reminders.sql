-- Each statement is a transaction of its own, and can be repeated.
-- Reminders of client secrets and of operator keys, beside those of tokens; and the events that tell the product of a tenant's.
ALTER TABLE oauth_secret ADD COLUMN IF NOT EXISTS reminded_days integer;

ALTER TABLE operator_key ADD COLUMN IF NOT EXISTS reminded_days integer;

ALTER TABLE event ADD COLUMN IF NOT EXISTS expires_in_days integer;

DROP POLICY IF EXISTS control_marks ON oauth_secret;
CREATE POLICY control_marks ON oauth_secret FOR UPDATE TO scimgate_control USING (true) WITH CHECK (true);
GRANT UPDATE (reminded_days) ON oauth_secret TO scimgate_control;

DROP POLICY IF EXISTS reminders ON event;
CREATE POLICY reminders ON event FOR INSERT TO scimgate_control WITH CHECK (type IN ('token.expiring', 'secret.expiring'));
GRANT INSERT ON event TO scimgate_control;
GRANT USAGE ON SEQUENCE event_id TO scimgate_control;
