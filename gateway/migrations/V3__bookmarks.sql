-- A bookmark lasts for minutes, and its absence costs no more than a crash that takes it away: the client goes on by
-- position. Writing it must not wait for the disk, and need not be told to the log. The table is as small as the walks
-- of ten minutes are many. A partitioned table has no storage of its own to change.
-- The embedded database cannot make such a table empty again after it was killed, and does not start any more.
DO $$
BEGIN
  IF (SELECT relkind = 'r' FROM pg_class WHERE oid = 'bookmark'::regclass)
    AND version() NOT LIKE '%wasm32%' THEN
    ALTER TABLE bookmark SET UNLOGGED;
  END IF;
END $$;
