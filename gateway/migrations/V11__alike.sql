-- Pages of one list that show other attributes, or have another size, are likelier pages of another walk: of several
-- bookmarks for one place, the one whose walk is asked for in the same way is taken. None in rows that were written before.
ALTER TABLE bookmark ADD COLUMN alike integer;
