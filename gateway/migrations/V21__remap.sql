-- A job that tries again what failed in a way that may pass: how often it has done so, and how many such resources there are.
ALTER TABLE job ADD COLUMN attempt integer NOT NULL DEFAULT 0, ADD COLUMN retryable bigint NOT NULL DEFAULT 0;
