-- What is known of a tenant's SCIM client besides the profile that was chosen for it: who was recognised, by what and
-- when, and which leniencies or choices an operator decided one by one.
ALTER TABLE tenant
  ADD COLUMN allowed             text[] NOT NULL DEFAULT '{}',
  ADD COLUMN refused             text[] NOT NULL DEFAULT '{}',
  ADD COLUMN recognised          text,
  ADD COLUMN recognised_by       text,
  ADD COLUMN recognised_strength text,
  ADD COLUMN recognised_at       timestamptz;
