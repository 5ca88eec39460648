-- What lists need. Whether a document says nothing of "active" is another thing than false and than true, and a filter
-- must tell them apart.
ALTER TABLE resource ALTER COLUMN active DROP NOT NULL;
